// A person at a browser without scripts, reduced to what forms need: for tests that are about what comes of the pages, not
// about how they look. Fields keep what the page put into them.

import assert from 'node:assert/strict';

const ESCAPED = { '&#60;': '<', '&#62;': '>', '&#34;': '"', '&#39;': "'", '&#38;': '&' };
const unescape = (text) => text.replaceAll(/&#(60|62|34|39|38);/g, (one) => ESCAPED[one]);
const attribute = (tag, name) => unescape(new RegExp(` ${name}="([^"]*)"`).exec(tag)?.[1] ?? '');

export class Person {
  #fetch;
  #cookies = new Map();

  constructor(site, fetcher = fetch) {
    this.site = site;
    this.#fetch = fetcher;
  }

  /** Opens an address and follows where it leads on the same site: `{ status, html, location }`. */
  async open(address) {
    return this.#follow(await this.#send('GET', new URL(address, this.site)));
  }

  /** Sends the form of `page` whose action ends with `action`, with these fields changed (a list: all of them). */
  async press(page, action, fields = {}) {
    const form = [...page.html.matchAll(/<form([^>]*)>([\s\S]*?)<\/form>/g)].find(([, head]) => attribute(head, 'action').split('?')[0].endsWith(action));
    assert.ok(form, `no form for ${action} on:\n${page.html}`);
    const body = new URLSearchParams();
    for (const [tag, kind] of form[2].matchAll(/<(?:input|textarea)([^>]*)>/g)) {
      const name = attribute(tag, 'name');
      const isChoice = /type="(?:checkbox|radio)"/.test(kind);
      if (!name || name in fields || (isChoice && !/ checked/.test(kind))) continue;
      const text = tag.startsWith('<textarea') ? unescape(form[2].slice(form[2].indexOf(tag) + tag.length).split('</textarea>')[0]) : attribute(tag, 'value');
      body.append(name, text);
    }
    for (const [name, value] of Object.entries(fields)) for (const one of [value].flat()) body.append(name, one);
    return this.#follow(await this.#send('POST', new URL(attribute(form[1], 'action'), this.site), body));
  }

  async #follow(answer) {
    let left = answer;
    for (let hops = 0; hops < 6 && left.location; hops += 1) {
      const next = new URL(left.location, this.site);
      if (next.origin !== new URL(this.site).origin || next.pathname === '/callback') break;
      left = await this.#send('GET', next);
    }
    return left;
  }

  async #send(method, url, body) {
    const cookie = [...this.#cookies].map((pair) => pair.join('=')).join('; ');
    const headers = { ...(cookie && { cookie }), ...(body && { 'content-type': 'application/x-www-form-urlencoded', origin: url.origin }) };
    const answer = await this.#fetch(url, { method, headers, body, redirect: 'manual' });
    for (const set of answer.headers.getSetCookie()) {
      const [name, value] = set.split(';')[0].split(/=(.*)/s);
      this.#cookies.set(name, value);
    }
    return { status: answer.status, location: answer.headers.get('location'), html: await answer.text(), url };
  }
}

let people = 0;

/** A developer who signed up. */
export async function signUp(sandbox, fetcher) {
  const person = new Person(sandbox.portal, fetcher);
  const number = (people += 1);
  const page = await person.open('/signup');
  const next = await person.press(page, '/signup', { name: 'Ada', email: `ada-${process.pid}-${number}@tally.example`, password: 'correct horse battery' });
  assert.equal(next.status, 200, next.html);
  return person;
}

/** An application that was added: `{ developer, id, secret }`. */
export async function register(sandbox, fields = {}, { developer, fetcher } = {}) {
  const person = developer ?? (await signUp(sandbox, fetcher));
  const page = await person.open('/applications/new');
  const wanted = { name: 'Tally', kind: 'web', redirect_uris: REDIRECT_URI, api: ['accounts', 'payments', 'fundsconfirmations'], ...fields };
  const shown = await person.press(page, '/applications', wanted);
  const value = (id) => new RegExp(`id="${id}"[^>]*>([^<]+)<`).exec(shown.html)?.[1];
  assert.ok(value('client-id'), shown.html);
  return { developer: person, id: value('client-id'), secret: value('client-secret') };
}

/**
 * A customer who is sent to `address`, logs in, types the one-time code where one is asked for, and answers. Returns the
 * address that the browser is sent back to.
 */
export async function answer(sandbox, address, { decision = 'allow', fields = {}, user = 'deniz', password = 'blue-kettle-42', fetcher } = {}) {
  const customer = new Person(sandbox.portal, fetcher);
  let page = await customer.open(address);
  assert.match(page.html, /action="\/login/, page.html);
  page = await customer.press(page, '/login', { user, password });
  if (/action="\/one-time-code/.test(page.html)) {
    const [, one, two] = /(\d{3})[^\d<]{1,8}(\d{3})/.exec(page.html);
    page = await customer.press(page, '/one-time-code', { code: one + two });
  }
  const offered = (name) => [...page.html.matchAll(new RegExp(`name="${name}" value="([^"]+)"`, 'g'))].map(([, value]) => value);
  const chosen = { ...(offered('account').length > 0 && { account: offered('account') }), ...fields, decision };
  const back = await customer.press(page, '/consent', chosen);
  assert.ok(back.location, back.html);
  return Object.assign(new URL(back.location), { asked: page.html });
}

/** Nobody listens there: tests read the address. */
export const REDIRECT_URI = 'http://127.0.0.1:8765/callback';
