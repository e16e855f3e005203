// Replaces what the page shows every few seconds, without a reload: nothing flickers, and what is open stays open.
'use strict';
(() => {
  const EVERY_MS = 5000;
  const zone = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
  const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });

  // UTC stands in the title, and where there are no scripts.
  const localize = (root) => {
    for (const time of root.querySelectorAll('time[data-form]')) {
      time.textContent = (time.dataset.form === 'clock' ? clock : zone).format(new Date(time.dateTime));
    }
  };

  const replace = (fresh) => {
    const [from, to] = [fresh.querySelector('main'), document.querySelector('main')];
    for (const { id } of to.querySelectorAll('details[open][id]')) fresh.getElementById(id)?.setAttribute('open', '');
    const focused = document.activeElement?.closest('main [id]')?.id;
    localize(from);
    to.replaceChildren(...from.childNodes);
    document.title = fresh.title;
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  };

  const look = async () => {
    // Nobody looks, or somebody is about to copy something.
    if (document.hidden || !document.getSelection().isCollapsed) return;
    const stale = document.getElementById('stale');
    try {
      const answer = await fetch(location.pathname, { cache: 'no-store', redirect: 'error', signal: AbortSignal.timeout(EVERY_MS) });
      if (!answer.ok) throw new Error(String(answer.status));
      replace(new DOMParser().parseFromString(await answer.text(), 'text/html'));
      stale.hidden = true;
    } catch {
      stale.hidden = false;
    }
  };

  localize(document);
  setInterval(look, EVERY_MS);
  document.addEventListener('visibilitychange', look);
})();
