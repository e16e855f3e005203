// What looks for faults on pages must find some. And the sandbox's first page has none.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { after, before, test } from 'node:test';

import { Browser } from './support/browser.mjs';
import { Sandbox } from './support/sandbox.mjs';

const PAGE = (body) => `<!doctype html><html lang="en"><head><title>A page</title></head><body><main>${body}</main></body></html>`;
const PAGES = {
  '/good': PAGE('<h1>Good</h1><form method="post" action="/done"><label for="name">Name</label><input id="name" name="name"><button>Save</button></form>'),
  '/done': PAGE('<h1>Done</h1><a href="/good">Again</a>'),
  '/unlabelled': PAGE('<h1>Unlabelled</h1><input name="name">'),
  '/pale': PAGE('<h1>Pale</h1><p style="color: #ccc; background: #fff">Can you read this?</p>'),
  '/inline': PAGE('<h1>Inline</h1><script>document.title = "changed"</script>'),
  '/broken': PAGE('<h1>Broken</h1><script src="/broken.js"></script>'),
  '/wide': PAGE('<h1>Wide</h1><svg width="3000" height="10" aria-hidden="true"></svg>'),
  '/foreign': PAGE('<h1>Foreign</h1><img alt="" src="http://127.0.0.1:9/picture.png">'),
};

let browser;
before(async () => (browser = await Browser.start()));
after(() => browser?.stop());

/** A server of these pages, with a policy as strict as the sandbox's. */
async function pages() {
  const server = http.createServer((request, response) => {
    const { url } = request;
    if (url === '/favicon.ico') return response.writeHead(204).end();
    if (url === '/broken.js') return response.setHeader('content-type', 'text/javascript').end('nowhere();');
    const policy = url === '/pale' ? "default-src 'self'; style-src 'unsafe-inline'" : "default-src 'self'";
    response.writeHead(PAGES[url] ? 200 : url === '/fails' ? 500 : 404, { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': policy });
    response.end(PAGES[url] ?? PAGE('<h1>None</h1>'));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { origin: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}

for (const [path, fault] of [
  ['/unlabelled', /axe-core: label \(critical\)/],
  ['/pale', /axe-core: color-contrast \(serious\)/],
  ['/inline', /content security policy's script-src/],
  ['/broken', /a script failed: nowhere is not defined/],
  ['/wide', /px wider than the window/],
  ['/foreign', /the page asks http:\/\/127\.0\.0\.1:9$/],
  ['/fails', /\/fails answered 500/],
]) {
  test(`a fault is found on the page ${path}`, async () => {
    const server = await pages();
    const visitor = await browser.visitor('faults');
    try {
      await visitor.open(server.origin + path);
      assert.ok(visitor.faults.some((one) => fault.test(one)), `found: ${visitor.faults.join('\n')}`);
    } finally {
      await visitor.leave();
      server.close();
    }
  });
}

for (const javaScriptEnabled of [true, false]) {
  test(`a good page has no fault, and is used by its labels, buttons and links, ${javaScriptEnabled ? 'with' : 'without'} JavaScript`, async () => {
    const server = await pages();
    const visitor = await browser.visitor('good', { javaScriptEnabled });
    try {
      await visitor.open(`${server.origin}/good`);
      await visitor.fill({ Name: 'Ada' });
      await visitor.press('Save');
      assert.equal(await visitor.heading(), 'Done');
      await visitor.follow('Again');
      await visitor.open(`${server.origin}/nowhere`);
      assert.deepEqual(visitor.faults, []);
      assert.deepEqual(visitor.steps, ['open /good', 'press “Save”', 'follow “Again”', 'open /nowhere']);
    } finally {
      await visitor.leave();
      server.close();
    }
  });
}

for (const [name, options] of [
  ['light', { colorScheme: 'light' }],
  ['dark', { colorScheme: 'dark' }],
  ['phone', { viewport: { width: 360, height: 740 } }],
]) {
  test(`the sandbox's first page has no fault: ${name}`, async () => {
    const sandbox = await Sandbox.start();
    const visitor = await browser.visitor(`home-${name}`, options);
    try {
      await visitor.open(sandbox.portal);
      assert.deepEqual(visitor.faults, []);
      assert.deepEqual(await sandbox.stop(), { code: 0, signal: null });
    } finally {
      await visitor.leave();
      await sandbox.kill();
    }
  });
}
