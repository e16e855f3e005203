// A person at a real browser: sees only what the page shows, and looks for what is wrong on every page. Who imports this
// needs Chromium.

import { mkdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';

import { chromium } from 'playwright-core';

import { which } from './processes.mjs';

const PROGRAMS = process.env.SCOPEGATE_CHROMIUM ? [process.env.SCOPEGATE_CHROMIUM] : ['chromium', 'google-chrome'];
/** Where pictures of pages go, if anybody wants them. */
const PICTURES = process.env.SCOPEGATE_SCREENSHOTS;
const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
/** What axe-core calls a fault that keeps people out. */
const GRAVE = ['serious', 'critical'];
// A person waits no longer either.
const PATIENCE_MS = 10_000;
// It shall ask nobody but the page's own server, so that what it asks is what the page asks.
const QUIET = ['--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-quic', '--no-first-run', '--disable-gpu'];

export class Browser {
  #browser;

  static async start() {
    const browser = new Browser();
    const executablePath = await which(PROGRAMS);
    // Chromium's own sandbox cannot be had by root.
    browser.#browser = await chromium.launch({ executablePath, args: QUIET, chromiumSandbox: process.getuid() !== 0 });
    return browser;
  }

  /** Somebody with a browser of their own: cookies are not shared. `options` are those of a browser context. */
  async visitor(name, options = {}) {
    const context = await this.#browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
    context.setDefaultTimeout(PATIENCE_MS);
    await context.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) =>
        console.error(`the content security policy's ${violatedDirective} forbids ${blockedURI || 'what is inline'}`));
    });
    return Visitor.arrive(name, context, { scripts: options.javaScriptEnabled !== false, faults: [], steps: [], pictures: 0, origins: new Set() });
  }

  stop() {
    return this.#browser?.close();
  }
}

/** A person with one tab. Every page that they come to is looked over. */
export class Visitor {
  #context;
  #page;
  #shared;
  /** The address of the page that was asked for last. */
  #asked;

  static async arrive(name, context, shared) {
    const visitor = new Visitor();
    visitor.name = name;
    visitor.#context = context;
    visitor.#shared = shared;
    visitor.#page = await context.newPage();
    visitor.#listen();
    return visitor;
  }

  /** What was wrong on the pages so far, as sentences. A test ends with none. */
  get faults() {
    return this.#shared.faults;
  }

  /** What they did to get here, as sentences: each link and each button is a step, filling in a form is none. */
  get steps() {
    return this.#shared.steps;
  }

  /** Another tab of the same browser: cookies, faults and steps are shared. */
  tab() {
    return Visitor.arrive(this.name, this.#context, this.#shared);
  }

  /** Types an address. Its origin is one whose pages are looked over, and which they may ask. */
  async open(address) {
    this.#shared.origins.add(new URL(address).origin);
    this.#step(`open ${new URL(address).pathname}`);
    await this.#page.goto(address);
    await this.look();
  }

  async follow(link, { within } = {}) {
    await this.#act(`follow “${link}”`, () => this.#named('link', link, within).click());
  }

  async press(button, { within } = {}) {
    await this.#act(`press “${button}”`, () => this.#named('button', button, within).click());
  }

  /** Presses a button twice, as fast as an impatient person does. */
  async pressTwice(button, { within } = {}) {
    await this.#act(`press “${button}” twice`, async () => {
      await this.#named('button', button, within).dblclick();
      // The second answer replaces the first, which may be on its way already.
      await this.#page.waitForLoadState('networkidle');
    });
  }

  async back() {
    await this.#act('go back', () => this.#page.goBack());
  }

  async reload() {
    await this.#act('reload', () => this.#page.reload());
  }

  /** Fills in fields by their labels. */
  async fill(values) {
    for (const [label, value] of Object.entries(values)) await this.#labelled(label).fill(value);
  }

  /** Ticks boxes or picks radio buttons by their labels. */
  async tick(...labels) {
    for (const label of labels) await this.#labelled(label).check();
  }

  /** Ticks the first box of the page that is not. */
  tickFirst() {
    return this.#page.getByRole('checkbox', { checked: false }).first().check();
  }

  async untick(...labels) {
    for (const label of labels) await this.#labelled(label).uncheck();
  }

  async choose(label, option) {
    await this.#labelled(label).selectOption({ label: option });
  }

  /** What stands in a field. */
  value(label) {
    return this.#labelled(label).inputValue();
  }

  /** What an element of this id says: for what a person would copy. */
  read(id) {
    return this.#page.locator(`#${id}`).innerText();
  }

  /** What the page says, as a person reads it. */
  text() {
    return this.#page.locator('body').innerText();
  }

  heading() {
    return this.#page.getByRole('heading', { level: 1 }).innerText();
  }

  get address() {
    return new URL(this.#page.url());
  }

  /** Whether a link or button is there to be seen. */
  sees(role, name) {
    return this.#page.getByRole(role, { name, exact: true }).isVisible();
  }

  /** Forgets all cookies, as a session that ran out does. */
  forget() {
    return this.#context.clearCookies();
  }

  cookies() {
    return this.#context.cookies();
  }

  /** Looks over the page: what axe-core finds, whether it is wider than the window; and keeps a picture if wanted. */
  async look() {
    await this.#page.waitForLoadState('load');
    if (!this.#shared.origins.has(this.address.origin)) return;
    await this.#picture();
    for (const { id, impact, help, nodes } of await this.#violations()) {
      if (GRAVE.includes(impact)) this.#fault(`axe-core: ${id} (${impact}): ${help}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`);
    }
    const overflow = await this.#page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    if (overflow > 0) this.#fault(`the page is ${overflow} px wider than the window`);
  }

  /** Everything that they keep open. */
  leave() {
    return this.#context.close();
  }

  async #violations() {
    // Where the page's own scripts are forbidden axe-core cannot run either. Somebody with scripts sees the same pages.
    if (!this.#shared.scripts) return [];
    // Evaluated, and not put into the page as an element: its policy shall stay as strict as it is.
    await this.#page.evaluate(await readFile(AXE, 'utf8'));
    const { violations } = await this.#page.evaluate(() => globalThis.axe.run({ resultTypes: ['violations'], preload: false }));
    return violations;
  }

  async #act(step, action) {
    this.#step(step);
    await action();
    await this.look();
  }

  #step(step) {
    this.#shared.steps.push(step);
  }

  #fault(sentence) {
    const { pathname } = this.#page.url() === 'about:blank' ? { pathname: 'before the first page' } : this.address;
    this.#shared.faults.push(`${pathname}: ${sentence}`);
  }

  /** Exactly one that a person can see: two of the same name would leave them to guess. `within` names a region. */
  #named(role, name, region) {
    const place = region ? this.#page.getByRole('region', { name: region, exact: true }) : this.#page;
    return place.getByRole(role, { name, exact: true });
  }

  #labelled(label) {
    return this.#page.getByLabel(label, { exact: true });
  }

  #listen() {
    const page = this.#page;
    page.on('pageerror', (error) => this.#fault(`a script failed: ${error.message}`));
    page.on('console', (message) => {
      // A page that says no has a status that says no, and the browser notes that; a test asserts it where it matters.
      const itself = /^Failed to load resource: .* status of 4\d\d/.test(message.text()) && message.location().url === this.#asked;
      if (message.type() === 'error' && !itself) this.#fault(`console: ${message.text()}`);
    });
    page.on('response', (response) => {
      if (response.status() >= 500) this.#fault(`${new URL(response.url()).pathname} answered ${response.status()}`);
    });
    page.on('request', (request) => {
      const { protocol, origin } = new URL(request.url());
      if (request.isNavigationRequest()) this.#asked = request.url();
      const foreign = protocol.startsWith('http') && !request.isNavigationRequest() && !this.#shared.origins.has(origin);
      if (foreign && this.#shared.origins.has(this.address.origin)) this.#fault(`the page asks ${origin}`);
    });
  }

  async #picture() {
    if (!PICTURES) return;
    await mkdir(PICTURES, { recursive: true });
    const number = String((this.#shared.pictures += 1)).padStart(2, '0');
    const title = (await this.#page.title()).toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '');
    await this.#page.screenshot({ path: path.join(PICTURES, `${this.name}-${number}-${title}.png`), fullPage: true });
  }
}
