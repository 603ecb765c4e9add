import type { IncomingMessage, ServerResponse } from 'node:http';

/** One answer of a page: status, headers and body, or a way to fail. */
type Reply = (response: ServerResponse) => void;

const rows = (first: number): string => `{"number":${first}}\n{"number":${first + 1}}\n`;
const headers = { 'content-type': 'application/jsonl', 'x-correlation-id': 'c' };

const page =
  (first: number, link?: string | string[]): Reply =>
  (response) =>
    void response.writeHead(200, { ...headers, ...(link === undefined ? {} : { link }) }).end(rows(first));

const problem =
  (status: number, code: string, retryAfterSeconds?: number): Reply =>
  (response) => {
    const document = { code, title: 'Title', detail: 'Detail.', advice: 'Advice.', status, retryAfterSeconds };
    response.writeHead(status, { 'content-type': 'application/problem+json', 'x-correlation-id': 'c' });
    response.end(JSON.stringify(document));
  };

/** Time after which a stalled body breaks off, so that a client without a deadline fails and does not wait for ever. */
const stallMs = 20_000;

/** Sends half of the body and then nothing. */
const stalls: Reply = (response) => {
  response.writeHead(200, { ...headers, 'content-length': '1000' }).write(rows(2));
  setTimeout(() => response.destroy(), stallMs).unref();
};

const breaks: Reply = (response) => {
  response.writeHead(200, { ...headers, 'content-length': '1000' });
  response.write(rows(2), () => response.destroy());
};

const torn: Reply = (response) => void response.writeHead(200, headers).end(`${rows(2)}{"number":\n`);

const html: Reply = (response) => void response.writeHead(502, { 'content-type': 'text/html' }).end('Bad gateway');

const next = (page: number): string => `<?format=jsonl&page=${page}>; rel="next"`;
const misleading = '<?page=9>; title="a, <?page=9>; rel=next"; rel="prev", <?page=9>; rel="next-archive"';

/** Answers of the second page by run; the last one is repeated. The other pages have two rows each. */
const secondPages: Readonly<Record<string, readonly Reply[]>> = {
  'busy@w': [problem(503, 'storage_unavailable'), problem(500, 'internal'), html, page(2, next(3))],
  'broken@w': [breaks, page(2, next(3))],
  'throttled@w': [problem(503, 'throttled', 42), page(2, next(3))],
  'stalled@w': [stalls, page(2, next(3))],
  'silent@w': [stalls],
  'away@w': [problem(503, 'storage_unavailable')],
  'later@w': [problem(503, 'throttled', 61)],
  'gone@w': [problem(404, 'run_not_found')],
  'torn@w': [torn],
  'misconfigured@w': [problem(503, 'config_invalid')],
  'linked@w': [page(2, [misleading, '<https://elsewhere.example/x?format=jsonl&page=3#a>; rel="next last"'])],
};

/**
 * A broker that serves the rows of the runs above in three pages. `GET /seen` returns the runs and pages that were
 * requested since the last call.
 */
export function createResultServer(): (request: IncomingMessage, response: ServerResponse) => void {
  let seen: string[] = [];
  const attempts = new Map<string, number>();
  return (request, response) => {
    if (request.url === '/seen') {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(seen));
      seen = [];
      attempts.clear();
      return;
    }
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
    if (pathname === '/api/jobs') return void response.writeHead(200, headers).end('{"jobs":[]}');
    const run = decodeURIComponent(pathname.split('/')[3] ?? '');
    const number = searchParams.get('page') ?? '1';
    seen.push(`${run} ${number}`);
    if (number === '1') return page(0, [`<?page=0>; rel=prev`, next(2)])(response);
    if (number !== '2') return page(4)(response);
    const attempt = attempts.get(run) ?? 0;
    attempts.set(run, attempt + 1);
    const replies = secondPages[run] ?? [];
    (replies[attempt] ?? replies.at(-1) ?? html)(response);
  };
}
