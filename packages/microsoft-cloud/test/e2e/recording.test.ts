import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { contribute, type Terminal } from '../../src/recording/contribute.ts';
import { knownDifferences } from '../../src/recording/known-differences.ts';
import { type Pair, parsePairs } from '../../src/recording/pair.ts';
import { startRecorder } from '../../src/recording/recorder.ts';
import { replay } from '../../src/recording/replay.ts';
import { scoreSection, scoresOf } from '../../src/recording/score.ts';
import { unscrubbedPlaces } from '../../src/recording/scrub.ts';
import { accessToken, adminToken, call, createCloud, type TestCloud } from '../../src/testing.ts';

const folder = mkdtempSync(join(tmpdir(), 'microsoft-cloud-recording-'));
const documentation = readFileSync(join(import.meta.dirname, '../../recordings/documentation.jsonl'), 'utf8');

/** Makes a checkout with a folder of recordings. */
const checkoutAt = (name: string) => {
  const root = join(folder, name);
  const recordings = join(root, 'packages/microsoft-cloud/recordings');
  mkdirSync(recordings, { recursive: true });
  writeFileSync(join(recordings, 'documentation.jsonl'), documentation);
  return { root, recordings };
};
const { root, recordings } = checkoutAt('checkout');

let cloud: TestCloud;
beforeAll(async () => {
  cloud = await createCloud({ tenants: 2, plain: true });
});
afterAll(async () => {
  await cloud?.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('the pairs of Microsoft’s documentation', () => {
  it('differ from the simulation only where a reason is listed', async () => {
    const found = await replay(parsePairs(documentation));
    expect(found.length).toBeGreaterThan(5);
    const differences = found.flatMap(({ pair, differences: some }) =>
      some.map((each) => ({ title: pair.title, ...each })),
    );
    expect(differences.filter(({ reason }) => reason === undefined)).toEqual([]);
    expect(differences).toHaveLength(knownDifferences.length);
  });

  it('are reported where status, code, types or headers differ', async () => {
    const [users] = parsePairs(documentation);
    if (users === undefined) throw new Error('There is no pair.');
    const change = (response: Partial<Pair['response']>): Pair => ({
      ...users,
      response: { ...users.response, ...response },
    });
    const texts = async (pair: Pair) => (await replay([pair]))[0]?.differences.map(({ text }) => text);
    expect(await texts(change({ status: 204 }))).toEqual(['status 204, simulated 200']);
    expect(await texts(change({ headers: { 'content-type': 'text/csv' } }))).toEqual([
      'header content-type: text/csv, simulated application/json',
    ]);
    expect(await texts(change({ body: { value: [{ displayName: 1, nothing: 'x' }], error: { code: 'A' } } }))).toEqual([
      'error code A, simulated none',
      'value[].displayName: number, simulated string',
      'value[].nothing: string, simulated missing',
      'error: object, simulated missing',
    ]);
  });
});

describe('a recording', () => {
  it('holds no token and no name, replays without a difference, and hands the replies on', async () => {
    const file = join(folder, 'real.jsonl');
    const lines: string[] = [];
    // The simulation stands for the real service.
    const recorder = await startRecorder({
      upstream: cloud.document.graph,
      file,
      fetch,
      port: 0,
      report: (line) => lines.push(line),
    });
    const token = await adminToken(cloud);
    const users = await call(`${recorder.address}/v1.0/users?$top=2`, token);
    expect(users.status).toBe(200);
    expect(String(users.body['@odata.nextLink'])).toContain(recorder.address);
    const [user] = users.body['value'] as { readonly id: string; readonly displayName: string }[];
    expect((await call(`${recorder.address}/v1.0/users/${user?.id}`, token)).body['id']).toBe(user?.id);
    expect((await call(`${recorder.address}/v1.0/organization`, 'wrong')).status).toBe(401);
    const other = await accessToken(cloud, cloud.document.tenants[0]?.tenantId ?? '');
    expect((await call(`${recorder.address}/v1.0/users?$top=1`, other)).status).toBe(200);
    await recorder.close();

    const text = readFileSync(file, 'utf8');
    expect(lines).toHaveLength(4);
    expect(text.trim().split('\n')).toHaveLength(4);
    for (const secret of [
      token,
      other,
      'eyJ',
      'Bearer e',
      user?.id ?? '?',
      user?.displayName ?? '?',
      'lighthouse',
      cloud.document.partnerTenantId,
    ])
      expect(text).not.toContain(secret);
    const found = await replay(parsePairs(text).filter(({ response }) => response.status === 200));
    expect(found).toHaveLength(3);
    expect(found.flatMap(({ differences }) => differences)).toEqual([]);
  });

  it('is compared page by page, and says what cannot be compared', async () => {
    const file = join(folder, 'pages.jsonl');
    const report = (): void => undefined;
    const upstream = cloud.document.graph;
    const recorder = await startRecorder({ upstream, file, fetch, port: 0, report });
    const token = await adminToken(cloud);
    const first = await call(`${recorder.address}/v1.0/users?$top=1`, token);
    const second = await call(String(first.body['@odata.nextLink']), token);
    expect(second.status).toBe(200);
    await call(`${recorder.address}/v1.0/identityProtection/riskyUsers`, token);
    await recorder.close();
    const pairs = parsePairs(readFileSync(file, 'utf8'));
    const [, page, refused] = await replay(pairs);
    expect(page?.pair.request.path).toBe('/v1.0/users?$top=1&$skiptoken=text-1');
    expect(page?.checks.length).toBeGreaterThan(10);
    expect(page?.differences).toEqual([]);
    expect(refused).toMatchObject({
      checks: [],
      notCompared: 'a recording does not say which permissions its token had',
    });
    // Without the page that leads to it, the simulation has no such page.
    expect((await replay(pairs.slice(1)))[0]?.notCompared).toBe('the simulation has no such object or page');
  });

  it('goes on when the service or the disk fails, and says so without a secret', async () => {
    const lines: string[] = [];
    const report = (line: string) => lines.push(line);
    const failing = () => Promise.reject(new Error('secret of the network'));
    const recorder = await startRecorder({
      upstream: 'https://x.example',
      file: '/no/such/file',
      fetch: failing,
      port: 0,
      report,
    });
    expect((await fetch(`${recorder.address}/v1.0/users`)).status).toBe(502);
    await recorder.close();
    const full = await startRecorder({
      upstream: cloud.document.graph,
      file: join(folder, 'no/such'),
      fetch,
      port: 0,
      report,
    });
    expect((await fetch(`${full.address}/v1.0/users`)).status).toBe(401);
    await full.close();
    expect(lines).toEqual(['Not saved: the service cannot be reached.', expect.stringMatching(/^Not saved: ENOENT/)]);
  });
});

describe('a recorder in front of a broken service', () => {
  const secret = 'ada@contoso.com';
  const answers: Readonly<Record<string, (response: ServerResponse) => void>> = {
    failing: (response) => void response.writeHead(500, json).end(`{"error":{"message":"${secret}"}}`),
    throttled: (response) => void response.writeHead(429, { 'retry-after': '1' }).end(secret),
    cut: (response) => {
      response.writeHead(200, { ...json, 'content-length': '1000' });
      response.write(`{"displayName":"${secret}`, () => response.destroy());
    },
    broken: (response) => void response.writeHead(200, json).end(`{"displayName":"${secret}`),
    page: (response) => void response.writeHead(200, { 'content-type': 'text/html' }).end(`<p>${secret}</p>`),
    empty: (response) => void response.writeHead(204).end(),
    silent: (response) => asked.resolve(response),
    stalled: (response) => void response.writeHead(200, json).write('{"displayName":', () => asked.resolve(response)),
    huge: (response) => void response.writeHead(200, json).end(`{"displayName":"${secret}${'x'.repeat(17_000_000)}"}`),
  };
  const json = { 'content-type': 'application/json' };
  let asked = Promise.withResolvers<ServerResponse>();
  const service = createServer((message, response) => answers[message.url?.split('/')[2] ?? '']?.(response));
  const lines: string[] = [];
  let recorder: Awaited<ReturnType<typeof startRecorder>>;
  beforeAll(async () => {
    await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve));
    const { port } = service.address() as AddressInfo;
    const report = (line: string) => lines.push(line);
    const file = join(folder, 'of-broken.jsonl');
    recorder = await startRecorder({ upstream: `http://127.0.0.1:${port}`, file, fetch, port: 0, report });
  });
  afterAll(async () => {
    await recorder.close();
    service.closeAllConnections();
    service.close();
  });
  const path = (name: string): string => `${recorder.address}/v1.0/${name}`;

  it.each([
    ['failing', 500, 'Not saved: status 500 tells of an overloaded or failing service, not of how it answers.'],
    ['throttled', 429, 'Not saved: status 429 tells of an overloaded or failing service, not of how it answers.'],
    ['broken', 200, 'Not saved: the reply says that it is JSON, and is none or ends early.'],
    ['huge', 200, 'Not saved: the reply is above 16 MiB.'],
    ['page', 200, 'GET /v1.0/text-1 200'],
    ['empty', 204, 'GET /v1.0/text-2 204'],
  ])('hands on a reply that is %s, and says what it did', async (name, status, line) => {
    const reply = await fetch(path(name));
    expect(reply.status).toBe(status);
    expect(await reply.text()).toHaveLength(name === 'empty' ? 0 : (await bodyOf(name)).length);
    expect(lines.pop()).toBe(line);
  });

  const bodyOf = async (name: string): Promise<string> => {
    const { port } = service.address() as AddressInfo;
    return (await fetch(`http://127.0.0.1:${port}/v1.0/${name}`)).text();
  };

  it('cuts what was cut, and refuses a request that is too long', async () => {
    await expect(fetch(path('cut')).then((reply) => reply.text())).rejects.toThrow('fetch failed');
    expect(lines.pop()).toBe('Not saved: the reply was cut.');
    const reply = await fetch(path('page'), { method: 'POST', body: secret.repeat(300_000) });
    expect(reply.status).toBe(413);
    expect(lines.pop()).toBe('Not saved: its body is above 4 MiB.');
  });

  it.each([
    ['silent', /^Not saved: the recorder was closed\.$/],
    // Its start may not have arrived yet.
    ['stalled', /^Not saved: the (?:recorder was closed|reply was cut)\.$/],
  ])('gives up a reply that is %s when the recorder is closed', async (name, line) => {
    asked = Promise.withResolvers();
    const said: string[] = [];
    const upstream = `http://127.0.0.1:${(service.address() as AddressInfo).port}`;
    const file = join(folder, `of-${name}.jsonl`);
    const closing = await startRecorder({ upstream, file, fetch, port: 0, report: (line) => said.push(line) });
    const reply = fetch(`${closing.address}/v1.0/${name}`).catch(() => 'ended');
    const response = await asked.promise;
    await closing.close();
    expect(said).toEqual([expect.stringMatching(line)]);
    expect(await reply).toBe('ended');
    await expect.poll(() => response.destroyed).toBe(true);
    expect(readdirSync(folder)).not.toContain(`of-${name}.jsonl`);
  });

  it('is closed only when a reply that arrives nevertheless is written', async () => {
    const said: string[] = [];
    const [sent, answered] = [Promise.withResolvers<void>(), Promise.withResolvers<Response>()];
    const late = () => (sent.resolve(), answered.promise);
    const file = join(folder, 'late.jsonl');
    const report = (line: string) => said.push(line);
    const closing = await startRecorder({ upstream: 'https://x.example', file, fetch: late, port: 0, report });
    const reply = fetch(`${closing.address}/v1.0/users`).catch(() => 'ended');
    await sent.promise;
    const closed = closing.close();
    expect(await reply).toBe('ended');
    answered.resolve(new Response('{}', { headers: json }));
    await closed;
    expect(said).toEqual(['GET /v1.0/users 200']);
  });

  it('has written nothing but the scrubbed pairs', () => {
    const text = readFileSync(join(folder, 'of-broken.jsonl'), 'utf8');
    expect(text).not.toMatch(/ada|contoso/i);
    expect(parsePairs(text).map(({ response }) => response)).toEqual([
      { status: 200, headers: { 'content-type': 'text/html' } },
      { status: 204, headers: {} },
    ]);
  });
});

describe('the way from a tenant to a contribution', () => {
  const said = (answer: string) => {
    const texts: string[] = [];
    const terminal: Terminal = {
      write: (text) => void texts.push(text),
      ask: (question) => Promise.resolve(void texts.push(question)).then(() => answer),
    };
    return { terminal, text: () => texts.join('') };
  };
  const file = join(folder, 'tenant.jsonl');

  it('lowers the score of the list in which the tenant differs, and of no other', async () => {
    // The simulation stands for a tenant whose domains have a property of another type, and one more.
    const domain = {
      id: 'contoso.com',
      authenticationType: 'Managed',
      isDefault: 'yes',
      state: null,
      serviceName: 'x',
    };
    const restore = cloud.reply({ service: 'graph', path: '/v1.0/domains' }, { body: { value: [domain] } });
    const report = (): void => undefined;
    const upstream = cloud.document.graph;
    const recorder = await startRecorder({ upstream, file, fetch, port: 0, report });
    const token = await adminToken(cloud);
    for (const path of ['domains', 'organization', 'users?$top=2&$orderby=displayName'])
      await call(`${recorder.address}/v1.0/${path}`, token);
    await recorder.close();
    restore();

    const { terminal, text } = said('yes');
    expect(await contribute({ file, folder: recordings, terminal })).toBe(true);
    expect(text()).toContain('3 answers:\n  GET /v1.0/domains 200\n');
    expect(text()).toMatch(/user names and mail addresses: \d+/);
    expect(text()).toMatch(/these texts stay:\n(?: {2}.+\n)* {2}Managed\n/);
    expect(text()).toMatch(/GET \/domains \d+\/\d+: names \d+\/\d+, types \d+\/\d+/);
    expect(text()).toContain(`
  cd "${root}"
  npm run docs (writes the scores in docs/fidelity.md)
  git switch --create recording
  git add packages/microsoft-cloud/recordings/recording-1.jsonl packages/microsoft-cloud/docs/fidelity.md
`);
    expect(text()).not.toMatch(/contoso/i);

    const fixture = join(recordings, 'recording-1.jsonl');
    expect(text()).toContain(`Written: ${fixture}`);
    const [documented, all] = [parsePairs(documentation), parsePairs(readFileSync(fixture, 'utf8'))];
    const before = scoresOf(await replay(documented));
    const after = scoresOf([...(await replay(documented)), ...(await replay(all))]);
    const failing = (scores: typeof before) =>
      scores.filter(({ reproduced, checks }) => reproduced < checks).map(({ list }) => list);
    expect(failing(before)).toEqual(['GET /roleManagement/directory/roleAssignments']);
    expect(failing(after)).toEqual(['GET /domains', 'GET /roleManagement/directory/roleAssignments']);
    expect(after.filter(({ recorded }) => recorded === 1).map(({ list }) => list)).toEqual([
      'GET /domains',
      'GET /organization',
      'GET /users',
    ]);
    const section = scoreSection([...(await replay(documented)), ...(await replay(all))]);
    expect(section).toContain('3 answers are of real tenants');
    expect(scoreSection(await replay(documented))).toContain('No answer of a real tenant has been recorded yet.');
  });

  it('never replaces a recording', async () => {
    writeFileSync(join(recordings, 'recording-1.jsonl'), 'mine');
    const { terminal, text } = said(' YES ');
    expect(await contribute({ file, folder: recordings, terminal })).toBe(true);
    expect(readFileSync(join(recordings, 'recording-1.jsonl'), 'utf8')).toBe('mine');
    expect(text()).toContain('recording-2.jsonl');
  });

  it.each(['no', '', 'y'])('writes nothing after the answer "%s", and says how to go on', async (answer) => {
    const unchanged = checkoutAt(`declined-${answer}`).recordings;
    const { terminal, text } = said(answer);
    expect(await contribute({ file, folder: unchanged, terminal })).toBe(false);
    expect(readdirSync(unchanged)).toEqual(['documentation.jsonl']);
    expect(text()).toContain(`contribute it later with microsoft-cloud contribute ${file}`);
  });

  it('leaves out a line that was cut when a recording was interrupted', async () => {
    const whole = readFileSync(file, 'utf8');
    const cut = join(folder, 'cut.jsonl');
    writeFileSync(cut, whole.slice(0, -20));
    const { terminal, text } = said('no');
    await contribute({ file: cut, folder: recordings, terminal });
    expect(text()).toContain('2 answers:');
    expect(text()).toContain('The last line was cut');
  });

  it('asks nothing if there is no place for the recording', async () => {
    const { terminal, text } = said('yes');
    await expect(contribute({ file, folder, terminal })).rejects.toThrow('name its folder of recordings with --to');
    expect(text()).toBe('');
  });

  it('offers no recording without an answer that can be compared, and counts those with 403', async () => {
    const forbidden = join(folder, 'forbidden.jsonl');
    const line = '{"request":{"method":"GET","path":"/v1.0/users"},"response":{"status":403,"headers":{}}}\n';
    writeFileSync(forbidden, line.repeat(2));
    const { terminal, text } = said('yes');
    expect(await contribute({ file: forbidden, folder: recordings, terminal })).toBe(false);
    expect(text()).toContain(
      '2 answers have status 403, as without the permissions that requests.md lists.\nWhat the simulated cloud reproduces (2 answers cannot be compared):\n',
    );
    expect(text()).toMatch(/\nNo answer can be compared, so there is nothing to contribute\.\n$/);
  });

  it.each([
    ['a name', (line: string) => line.replace('domain-1.example', 'contoso.com'), 'line 1: response.body.value[0].id'],
    ['a member', (line: string) => line.replace('"value"', '"contoso":1,"value"'), 'line 1: response.body.contoso'],
    ['a note', (line: string) => line.replace('"request"', '"title":"Contoso","request"'), 'line 1: title'],
    ['a number in the form of a pseudonym', (line: string) => line.replace('"text-1"', '"text-491701234567"'), 'line '],
    ['a time', (line: string) => line.replace(/2000-01-01(T00:00:00Z)/, '2026-11-24$1'), 'line '],
    ['a header', (line: string) => line.replace('"headers":{', '"headers":{"x-a":"b",'), 'headers.x-a'],
  ])('refuses a recording that somebody has edited: %s', async (_what, edit, place) => {
    const edited = join(folder, 'edited.jsonl');
    writeFileSync(edited, edit(readFileSync(file, 'utf8')));
    const { terminal, text } = said('yes');
    await expect(contribute({ file: edited, folder: recordings, terminal })).rejects.toThrow(place);
    expect(text()).toBe('');
  });
});

describe('record, contribute and compare', () => {
  const launch = ['--conditions=workspace-source', join(import.meta.dirname, '../../src/main.ts')];
  const run = (...args: readonly string[]) => runWith({}, '', ...args);
  const runWith = (env: Readonly<Record<string, string>>, input: string, ...args: readonly string[]) => {
    const running = promisify(execFile)(process.execPath, [...launch, ...args], {
      cwd: folder,
      env: { ...process.env, ...env },
    });
    running.child.stdin?.end(input);
    return running.then(
      ({ stdout }) => ({ code: 0, stdout, stderr: '' }),
      (error: { code: number; stdout: string; stderr: string }) => error,
    );
  };

  it('records the usual requests, shows them and contributes them with one command', async () => {
    const authority = join(folder, 'ca.pem');
    writeFileSync(authority, cloud.caCertificate);
    const env = { GRAPH_TOKEN: await adminToken(cloud), NODE_EXTRA_CA_CERTS: authority };
    const { root: checkout, recordings: to } = checkoutAt('usual');
    const output = join(folder, 'usual.jsonl');
    const options = ['--output', output, '--service', cloud.document.graph, '--to', relative(folder, to)];
    const { code, stdout } = await runWith(env, 'yes\n', 'record', ...options);
    expect(code).toBe(0);
    expect(stdout).toContain(`\n  cd "${checkout}"\n`);
    const pairs = parsePairs(readFileSync(join(to, 'recording-1.jsonl'), 'utf8'));
    expect(pairs.length).toBeGreaterThan(40);
    // Nobody answers: nothing is contributed.
    const declined = await runWith({}, '', 'contribute', output, '--to', to);
    expect(declined.code).toBe(1);
    expect(declined.stdout).toContain('Nothing was contributed.');
    const missing = await runWith({}, 'yes\n', 'contribute', output);
    expect(missing.code).toBe(2);
    expect(missing.stderr).toContain('name its folder of recordings with --to');
    expect(readdirSync(to)).toEqual(['documentation.jsonl', 'recording-1.jsonl']);
  });

  const startRecording = async (work: string, ...args: readonly string[]) => {
    mkdirSync(work);
    const authority = join(folder, 'ca.pem');
    writeFileSync(authority, cloud.caCertificate);
    const env = { ...process.env, GRAPH_TOKEN: '', NODE_EXTRA_CA_CERTS: authority, TMPDIR: work, TEMP: work };
    const program = [...launch, 'record', '--output', 'pairs.jsonl', ...args];
    const child = spawn(process.execPath, program, { cwd: work, env, stdio: ['ignore', 'pipe', 'pipe'] });
    const ended = once(child, 'exit');
    const errors = text(child.stderr);
    const [first] = (await once(child.stdout, 'data')) as [Buffer];
    const rest = text(child.stdout);
    return { child, ended, errors, rest, address: /http:\/\/\S+/.exec(String(first))?.[0] ?? '' };
  };

  it.each(['SIGINT', 'SIGKILL'] as const)('leaves nothing but scrubbed pairs on the disk after %s', async (signal) => {
    const work = join(folder, signal);
    const { child, ended, rest, address } = await startRecording(
      work,
      '--service',
      cloud.document.graph,
      '--to',
      recordings,
    );
    expect((await call(`${address}/v1.0/users?$top=1`, await adminToken(cloud))).status).toBe(200);
    child.kill(signal);
    const [code] = (await ended) as [number | null];
    expect(readdirSync(work)).toEqual(['pairs.jsonl']);
    const written = readFileSync(join(work, 'pairs.jsonl'), 'utf8');
    expect(parsePairs(written).map(unscrubbedPlaces)).toEqual([[]]);
    if (signal === 'SIGKILL') return;
    // The review follows. Nobody answers it, so nothing is contributed.
    expect(code).toBe(1);
    expect(await rest).toMatch(/1 answers:\n {2}GET \/v1\.0\/users\?\$top=1 200\n[^]*Nothing was contributed\./);
  });

  it('leaves no empty file', async () => {
    const work = join(folder, 'empty-recording');
    const { child, ended, errors } = await startRecording(work);
    child.kill('SIGINT');
    expect((await ended)[0]).toBe(1);
    expect(await errors).toBe('Nothing was recorded, so there is nothing to contribute.\n');
    expect(readdirSync(work)).toEqual([]);
  });

  it('stops at a token that the service refuses, and says so', async () => {
    const authority = join(folder, 'ca.pem');
    writeFileSync(authority, cloud.caCertificate);
    const env = { GRAPH_TOKEN: 'expired', NODE_EXTRA_CA_CERTS: authority };
    const output = join(folder, 'refused.jsonl');
    const options = ['--output', output, '--service', cloud.document.graph, '--to', recordings];
    const { code, stdout, stderr } = await runWith(env, 'yes\n', 'record', ...options);
    expect(code).toBe(1);
    expect(stderr).toContain('The recording ended early: the service refuses the token in GRAPH_TOKEN');
    expect(stdout).toContain('No answer can be compared');
    expect(parsePairs(readFileSync(output, 'utf8'))).toHaveLength(1);
  });

  it('ends with 1 after a recording that ended early, also if it is contributed', async () => {
    const env = { GRAPH_TOKEN: await adminToken(cloud), NODE_EXTRA_CA_CERTS: join(folder, 'ca.pem') };
    writeFileSync(env.NODE_EXTRA_CA_CERTS, cloud.caCertificate);
    const restore = cloud.reply({ service: 'graph', path: '/v1.0/groups' }, { status: 401, body: {} });
    const options = ['--output', join(folder, 'early.jsonl'), '--service', cloud.document.graph];
    const { code, stdout } = await runWith(env, 'yes\n', 'record', ...options, '--to', checkoutAt('early').recordings);
    restore();
    expect(stdout).toContain('Written: ');
    expect(code).toBe(1);
  });

  it('says when its port is taken', async () => {
    const { port } = new URL(cloud.control);
    const output = join(folder, 'taken.jsonl');
    const { code, stderr } = await run('record', '--output', output, '--port', port);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^The port \d+ cannot be used: listen EADDRINUSE.*Choose another --port\.\n$/);
    expect(readdirSync(folder)).not.toContain('taken.jsonl');
  });

  it('prints the differences, and ends with 1 if one has no reason', async () => {
    const file = join(folder, 'wrong.jsonl');
    writeFileSync(file, documentation.split('\n')[0]?.replace('"status": 200', '"status": 418') ?? '');
    const { code, stdout } = await run('compare', file);
    expect(code).toBe(1);
    expect(stdout).toBe(
      'GET /v1.0/users (List users)\n  status 418, simulated 200\n1 pairs, 1 unexplained differences.\n',
    );
  });

  it.each([
    [['compare', 'missing.jsonl'], /The recording missing\.jsonl cannot be used: ENOENT/],
    [['compare', join(folder, 'broken.jsonl')], /Line 2 is no pair: it is not JSON/],
    [['compare', join(folder, 'control.jsonl')], /Line 1 is no pair: it holds control characters/],
    [['compare'], /missing required argument/],
    [['record'], /required option '--output/],
    [['record', '--output', join(folder, 'broken.jsonl')], /cannot be created: EEXIST/],
    [['record', '--output', 'x', '--port', '70000'], /from 0 to 65535/],
    [['record', '--output', 'x', '--service', 'http://graph.example'], /address with https:/],
    [['contribute', 'missing.jsonl'], /missing\.jsonl was not contributed: ENOENT/],
    [['contribute', join(folder, 'empty.jsonl')], /holds no answer/],
    [['contribute', join(folder, 'two-broken.jsonl')], /Line 1 is no pair/],
  ])('refuses %j with exit code 2', async (args, message) => {
    writeFileSync(join(folder, 'broken.jsonl'), `${documentation.split('\n')[0]}\n{`);
    writeFileSync(join(folder, 'two-broken.jsonl'), '{\n{');
    writeFileSync(join(folder, 'control.jsonl'), documentation.replace('List users', '\\u001b[2J'));
    writeFileSync(join(folder, 'empty.jsonl'), '');
    const { code, stderr } = await run(...args);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
  });
});
