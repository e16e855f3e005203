// The bank's API: nginx with the behaviour of many servers, and a log of what it saw.

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { request } from './client.mjs';
import { Process } from './processes.mjs';
import { until } from './wait.mjs';

const PROGRAM = process.env.SCOPEGATE_NGINX ?? 'nginx';
// Distributions keep it where only root looks.
const ENVIRONMENT = { ...process.env, PATH: `${process.env.PATH}:/usr/local/sbin:/usr/sbin:/sbin` };
/** The header fields it sends back and logs, by nginx's names for them. */
const SEEN = [
  'authorization', 'x_auth_client_id', 'x_auth_subject', 'x_auth_subject_type', 'x_auth_scope', 'x_auth_issuer',
  'x_auth_token_id', 'x_auth_organisation_id', 'x_tpp_note', 'content_type', 'forwarded', 'traceparent',
];

export class Nginx {
  #process;

  constructor(folder, port, bodyPort) {
    this.folder = folder;
    this.port = port;
    this.bodyPort = bodyPort;
    /** Further `server` blocks. */
    this.servers = '';
  }

  /** Puts a file where `GET /accounts/files/NAME` finds it. */
  async publish(name, content) {
    const files = path.join(this.folder, 'html/accounts/files');
    await mkdir(files, { recursive: true });
    await writeFile(path.join(files, name), content);
  }

  async start() {
    await mkdir(path.join(this.folder, 'bodies'), { recursive: true });
    const file = path.join(this.folder, 'nginx.conf');
    await writeFile(file, this.#configuration());
    const args = ['-p', this.folder, '-c', file, '-e', path.join(this.folder, 'nginx-error.log')];
    this.#process = Process.start(PROGRAM, args, { env: ENVIRONMENT });
    await until('nginx to answer', async () => {
      this.#process.assertRunning();
      return request({ port: this.port, path: '/up' }).then(({ status }) => status === 204, () => false);
    });
  }

  async stop() {
    await this.#process?.stop('SIGQUIT');
    this.#process = undefined;
  }

  /** Every request that was answered, as an object per line of its log. */
  async requests() {
    const log = await readFile(path.join(this.folder, 'requests.log'), 'utf8').catch(() => '');
    // The last line may still be on its way.
    return log.split('\n').slice(0, -1).map((line) => JSON.parse(line));
  }

  /** The octets of a request body that it received, by the name it answered with. */
  body(answer) {
    return readFile(answer.headers['x-body-file']);
  }

  /** What it saw of a request, out of its answer to `/accounts` and everything below but files. */
  static seen(answer) {
    const pairs = answer.text.split('\n').filter(Boolean).map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]);
    return Object.fromEntries(pairs);
  }

  #configuration() {
    const echo = ['method=$request_method', 'target=$request_uri', 'connection=$connection', ...SEEN.map((name) => `${name}=$http_${name}`)];
    const log = ['"method":"$request_method"', '"target":"$request_uri"', '"status":"$status"', ...SEEN.map((name) => `"${name}":"$http_${name}"`)];
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${this.folder}/bodies;`);
    return `
daemon off;
master_process off;
pid ${this.folder}/nginx.pid;
error_log ${this.folder}/nginx-error.log info;
events { worker_connections 512; }
http {
  log_format seen escape=json '{${log.join(',')}}';
  access_log ${this.folder}/requests.log seen;
  ${temporary.join('\n  ')}
  root ${this.folder}/html;
  default_type application/octet-stream;
  client_max_body_size 64m;
  keepalive_requests 1000000;
  # A forged identity header may come in this spelling too; it shall show.
  underscores_in_headers on;

  server {
    listen 127.0.0.1:${this.port};
    location = /up { access_log off; return 204; }
    location / {
      default_type text/plain;
      return 200 "${echo.join('\\n')}\\n";
    }
    location /accounts/files/ { }
    # Server-side includes make the length unknown beforehand: the answer comes in chunks.
    location /accounts/files/chunked { ssi on; ssi_types *; }
    location /accounts/files/slow { limit_rate 1m; }
    # Bodies end up in files, whose names are sent back.
    location /payments {
      client_body_in_file_only on;
      proxy_pass_request_body off;
      proxy_set_header Content-Length "";
      proxy_pass http://127.0.0.1:${this.bodyPort};
      add_header X-Body-File $request_body_file always;
    }
  }
  server {
    listen 127.0.0.1:${this.bodyPort};
    access_log off;
    return 201;
  }
${this.servers}
}
`;
  }
}
