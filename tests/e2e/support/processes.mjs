// Starts processes, keeps what they print, and ends them by their id.

import { fork, spawn } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import path from 'node:path';

import { within } from './wait.mjs';

const running = new Set();

/** A process with what it printed so far. */
export class Process {
  /** Starts a program. */
  static start(command, args, options = {}) {
    return new Process(command, spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options }));
  }

  /** Starts a Node module that talks to us by messages. */
  static fork(module, args) {
    return new Process(module, fork(module, args, { silent: true }));
  }

  constructor(name, child) {
    this.name = name;
    this.child = child;
    this.stdout = '';
    this.stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text) => (this.stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text) => (this.stderr += text));
    running.add(child);
    // `close` comes when the pipes are drained too: what the process said last is then in our hands.
    this.ended = new Promise((resolve) => {
      child.on('error', (error) => resolve({ error }));
      child.on('close', (code, signal) => resolve({ code, signal }));
    }).then((end) => {
      running.delete(child);
      this.end = end;
      return end;
    });
  }

  signal(name) {
    this.child.kill(name);
  }

  /** Asks for the end and returns how it came; a process that does not obey is killed, and that is a failure. */
  async stop(signal = 'SIGTERM', bound = 10_000) {
    if (this.end) return this.end;
    this.child.kill(signal);
    try {
      return await within(bound, `${this.name} to end after ${signal}`, this.ended);
    } catch (late) {
      this.child.kill('SIGKILL');
      await this.ended;
      throw late;
    }
  }

  /** Throws when the process is gone: whoever waits for it would wait in vain. */
  assertRunning() {
    if (!this.end) return;
    const how = this.end.error?.message ?? `code ${this.end.code}, signal ${this.end.signal}`;
    throw new Error(`${this.name} ended early (${how})\n${this.stdout}\n${this.stderr}`);
  }
}

/** The path of the first of these programs that is here. */
export async function which(programs) {
  for (const program of programs) {
    for (const folder of (process.env.PATH ?? '').split(path.delimiter)) {
      const file = path.resolve(folder, program);
      if (await access(file, constants.X_OK).then(() => true, () => false)) return file;
    }
  }
  throw new Error(`none of these is here: ${programs.join(', ')}`);
}

process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});
