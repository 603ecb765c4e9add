import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { registerPolicy } from '../../../src/cli/commands/policy.ts';
import { runProgram } from '../../../src/cli/run-program.ts';
import { policyJsonSchema } from '../../../src/lib/access/policy/policy-document.ts';
import { projectRoot } from '../../paths.ts';
import { guid } from '../../support/audit-entries.ts';
import { captureOutput } from '../../support/captured-output.ts';

const sample = join(projectRoot, 'access-policy.sample.json');
const helpdesk = 'aaaaaaaa-0000-4000-8000-000000000001';
let folder: string;
let broken: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ptb-policy-'));
  broken = join(folder, 'broken.json');
  await writeFile(broken, '{"version":1,"rules":[{"name":"x"}]}');
});
afterAll(() => rm(folder, { recursive: true }));
// A demo may run in this folder, whose settings a command would take.
beforeEach(() => void vi.spyOn(process, 'cwd').mockReturnValue(folder));
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

async function ptb(...words: string[]): Promise<{ exit: number; out: string; err: string }> {
  const said = captureOutput();
  const program = new Command('ptb');
  registerPolicy(program);
  return { exit: await runProgram(program, ['node', 'ptb', 'policy', ...words]), ...said };
}

const ask = (...more: string[]): string[] => ['test', '--file', sample, '--resource', 'graph', ...more];

it('ends with 0 for the valid sample and with 1 and the problems for an invalid policy', async () => {
  expect(await ptb('check', sample)).toEqual({ exit: 0, out: `${sample} is valid: 4 rules.\n`, err: '' });
  const found = await ptb('check', broken);
  expect(found.exit).toBe(1);
  expect(found.out).toContain('rules[0].tenants: is missing.');
  const report: unknown = JSON.parse((await ptb('check', broken, '--json')).out);
  expect(report).toMatchObject({
    file: broken,
    valid: false,
    problems: expect.arrayContaining(['rules[0].callers: is missing.']),
  });
});

describe('without a file', () => {
  const test = ['test', '--caller', helpdesk, '--tenant', 'contoso.com', '--scope', 'User.Read.All'];
  beforeEach(() => {
    vi.stubEnv('ACCESS_POLICY', undefined);
  });

  it('explains the policy that the settings name', async () => {
    vi.stubEnv('ACCESS_POLICY', sample);
    expect((await ptb(...test)).out).toContain('Allowed by "helpdesk may read users in gold tenants"');
    expect(await ptb('check')).toMatchObject({ exit: 0, out: `${sample} is valid: 4 rules.\n` });
  });

  it.each([
    ['', 'ADDRESS'],
    ['https://a.blob.core.windows.net/access-policy/p.json', 'https://a.blob.core.windows.net/access-policy/p.json'],
  ])('says where the policy is if ACCESS_POLICY is "%s"', async (location, blob) => {
    vi.stubEnv('ACCESS_POLICY', location);
    const { exit, err } = await ptb(...test);
    expect([exit, err]).toEqual([2, expect.stringContaining(`--blob-url ${blob} --file access-policy.json`) as string]);
    expect(err).not.toContain('ENOENT');
  });
});

it('explains an allowed request with the rule, the application and the scope limit', async () => {
  const answer = await ptb(...ask('--caller', helpdesk, '--tenant', 'contoso.com', '--scope', 'User.Read.All'));
  expect(answer.exit).toBe(0);
  expect(answer.out).toContain(
    'Allowed by "helpdesk may read users in gold tenants", redeemed by the application users.',
  );
  expect(answer.out).toContain('The token may carry User.Read.All, Group.Read.All; one that carries more is refused.');
  expect(answer.out).toContain('Note: Rules that name the tenant by its id cannot match');
});

it('explains a denied request with the furthest failed stage and the outcome of each rule', async () => {
  const words = ask(
    '--caller',
    helpdesk.toUpperCase(),
    '--tenant',
    guid(5),
    'contoso.com',
    '--scope',
    'Mail.Read',
    '--json',
  );
  const answer = await ptb(...words);
  expect(answer.exit).toBe(1);
  expect(JSON.parse(answer.out)).toEqual({
    allowed: false,
    missing: 'scope',
    reason: 'No rule for this caller allows the scopes Mail.Read together in this tenant.',
    rules: [
      { rule: 'helpdesk may read users in gold tenants', outcome: 'lacks', missing: 'scope' },
      { rule: 'helpdesk may change users in gold tenants, but no administrators', outcome: 'no tokens' },
      { rule: 'licence billing reads subscriptions everywhere', outcome: 'lacks', missing: 'caller' },
      { rule: 'nightly scripts may do what the application may', outcome: 'lacks', missing: 'caller' },
    ],
    notes: [],
  });
});

it.each([
  ['another tenant', ['--caller', helpdesk, '--tenant', 'fabrikam.com'], 'tenant'],
  ['another grant', ['--caller', helpdesk, '--tenant', 'contoso.com', '--grant', 'application'], 'grant'],
  ['another role', ['--caller', helpdesk, '--tenant', 'contoso.com', '--role', 'Runs.Read'], 'role'],
  ['another caller', ['--caller', guid(1), '--tenant', 'contoso.com'], 'caller'],
])('denies %s', async (_name, words, missing) => {
  const answer = await ptb(...ask(...words, '--json'));
  expect(answer.exit).toBe(1);
  expect(JSON.parse(answer.out)).toMatchObject({ allowed: false, missing });
});

it('tests an agent with its blueprint, and says which rules are not open to agents', async () => {
  const file = join(folder, 'agents.json');
  const rule = (name: string, more: object) => ({
    name,
    callers: { applications: ['*'], ...more },
    tenants: ['*'],
    resources: ['graph'],
  });
  const rules = [rule('for everybody', {}), rule('for the blueprint', { blueprints: [guid(0xd1)] })];
  await writeFile(file, JSON.stringify({ version: 1, rules }));
  const agent = (...more: string[]) =>
    ptb('test', '--file', file, '--resource', 'graph', '--caller', guid(1), '--tenant', guid(5), ...more);
  const allowed = await agent('--kind', 'agent', '--blueprint', guid(0xd1));
  expect([allowed.exit, allowed.out]).toEqual([0, expect.stringContaining('Allowed by "for the blueprint"')]);
  expect(allowed.out).toContain('1. for everybody: is not open to this agent');
  const denied = await agent('--kind', 'agent', '--blueprint', guid(0xd2));
  expect([denied.exit, denied.out]).toEqual([1, expect.stringContaining('No rule for this caller is open to agents.')]);
  const wrong = await agent('--blueprint', guid(0xd1));
  expect([wrong.exit, wrong.err]).toEqual([2, expect.stringContaining('--blueprint needs --kind agent')]);
});

it.each([
  [{ approval: {} }, 'Needs 1 approval by "conditional", redeemed by the application default.'],
  [{ approval: { count: 2 } }, 'Needs 2 approvals by "conditional", redeemed by the application default.'],
  [{ breakGlass: true }, 'Only in an emergency, with a reason, by "conditional", redeemed by the application default.'],
])('says that a token needs %j', async (condition, head) => {
  const file = join(folder, 'conditional.json');
  const rule = { name: 'conditional', callers: { applications: [helpdesk] }, tenants: ['*'], resources: ['graph'] };
  await writeFile(file, JSON.stringify({ version: 1, rules: [{ ...rule, ...condition }] }));
  const words = ['test', '--file', file, '--caller', helpdesk, '--tenant', guid(5), '--resource', 'graph'];
  const answer = await ptb(...words);
  expect([answer.exit, answer.out]).toEqual([3, expect.stringContaining(head)]);
  expect(JSON.parse((await ptb(...words, '--json')).out)).toMatchObject({ allowed: true, ...condition });
});

describe('with rules for people and for reading', () => {
  const oid = guid(7);
  const people = { applications: [helpdesk], objects: [oid], kinds: ['user'] };
  let file: string;
  beforeAll(async () => {
    file = join(folder, 'people.json');
    const rules = [
      { name: 'people', callers: people, tenants: ['*'], resources: ['graph'] },
      { name: 'gold', callers: { applications: [helpdesk] }, reads: ['contoso.com'] },
    ];
    await writeFile(file, JSON.stringify({ version: 1, rules }));
  });
  const test = (...words: string[]) => ptb('test', '--file', file, '--caller', helpdesk, ...words);
  const token = ['--resource', 'graph', '--tenant', 'contoso.com'];

  it('decides by --object and --kind', async () => {
    const allowed = await test(...token, '--object', oid.toUpperCase(), '--kind', 'user', '--json');
    expect([allowed.exit, JSON.parse(allowed.out)]).toMatchObject([0, { allowed: true, rule: 'people' }]);
    const kind = await test(...token, '--object', oid);
    expect([kind.exit, kind.out]).toEqual([1, expect.stringContaining('1. people: does not match the kind')]);
    expect(kind.out).toContain('2. gold: allows no tokens');
    const object = await test(...token, '--kind', 'user', '--json');
    expect([object.exit, JSON.parse(object.out)]).toMatchObject([1, { allowed: false, missing: 'object' }]);
  });

  it('explains reading with --read', async () => {
    const readable = await test('--read', '--tenant', 'contoso.com');
    expect(readable).toMatchObject({ exit: 0, err: '' });
    expect(readable.out).toMatch(/^Readable\. Rules with "reads" limit this caller\.\n {2}1\. people: does not limit/);
    const hidden = await test('--read', '--tenant', 'fabrikam.com', '--json');
    expect([hidden.exit, JSON.parse(hidden.out)]).toMatchObject([
      1,
      { readable: false, limited: true, rules: [{ outcome: 'no reads' }, { outcome: 'other tenants' }] },
    ]);
    const other = await ptb('test', '--file', file, '--caller', guid(9), '--read', '--tenant', 'fabrikam.com');
    expect(other).toMatchObject({ exit: 0, out: expect.stringContaining('No rule limits what this caller reads.') });
  });

  it('explains a token for graph unless something else is asked, and one thing at a time', async () => {
    const { exit, out } = await test('--tenant', 'contoso.com');
    expect([exit, out]).toEqual([(await test(...token)).exit, (await test(...token)).out]);
    expect((await test(...token, '--read')).exit).toBe(2);
  });
});

it('denies every request under an invalid policy and prints the reason', async () => {
  const answer = await ptb(
    'test',
    '--file',
    broken,
    '--resource',
    'graph',
    '--caller',
    helpdesk,
    '--tenant',
    'contoso.com',
  );
  expect(answer.exit).toBe(1);
  expect(answer.out).toMatch(/^The policy is not valid, so every request is denied\.\n {2}\S/);
  const words = ['test', '--file', broken, '--resource', 'graph', '--caller', helpdesk, '--tenant', 'contoso.com'];
  const { exit, out } = await ptb(...words, '--json');
  expect([exit, JSON.parse(out)]).toEqual([
    1,
    {
      allowed: false,
      reason: 'The policy is not valid, so every request is denied.',
      problems: expect.arrayContaining([expect.any(String)]) as string[],
    },
  ]);
});

it.each([
  ['no caller', ask('--tenant', 'contoso.com')],
  ['a caller that is not a GUID', ask('--caller', 'helpdesk', '--tenant', 'contoso.com')],
  ['a tenant that is neither a GUID nor a domain', ask('--caller', helpdesk, '--tenant', '../x')],
  ['two tenant ids', ask('--caller', helpdesk, '--tenant', guid(1), guid(2))],
  ['an unknown grant', ask('--caller', helpdesk, '--tenant', 'contoso.com', '--grant', 'implicit')],
  ['an unknown role', ask('--caller', helpdesk, '--tenant', 'contoso.com', '--role', 'Admin')],
  ['a missing file', ['check', 'no-such-file.json']],
])('ends with 2 and an empty standard output for %s', async (_name, words) => {
  const answer = await ptb(...words);
  expect(answer).toMatchObject({ exit: 2, out: '' });
  expect(answer.err).toMatch(/^ptb: /);
});

it('prints the JSON schema', async () => {
  expect(JSON.parse((await ptb('schema')).out)).toEqual(policyJsonSchema());
});

describe('ptb policy test --request', () => {
  const caller = ['--caller', helpdesk, '--tenant', guid(7)];
  const rules = (...more: readonly object[]): object => ({
    version: 1,
    rules: more.map((rule, index) => ({
      name: `rule ${index + 1}`,
      callers: { applications: [helpdesk], roles: ['Requests.Send'] },
      tenants: [guid(7)],
      resources: ['graph'],
      via: ['gateway'],
      ...rule,
    })),
  });
  const users = { scopes: ['User.Read.All'], requests: { methods: ['GET'] } };
  const mailboxes = { resources: ['exchange'], requests: { cmdlets: { 'Get-Mailbox': ['Identity'] } } };

  async function explained(request: string, policy: object, ...more: readonly string[]) {
    const file = join(folder, 'gateway.json');
    await writeFile(file, JSON.stringify(policy));
    vi.stubEnv('AzureWebJobsStorage', '');
    return ptb('test', '--file', file, ...caller, '--request', request, ...more);
  }

  it('says which rule opens the request and by which permission, and what the others make of it', async () => {
    const policy = rules(
      { scopes: ['Group.Read.All'] },
      users,
      { ...users, scopes: ['Directory.Read.All'] },
      mailboxes,
    );
    const { exit, out } = await explained('get /v1.0/users?$top=5', policy);
    expect(exit).toBe(0);
    expect(out.split('\n').slice(0, 5)).toEqual([
      'Allowed by "rule 2": sends GET /v1.0/users by User.Read.All, with a token of the application default.',
      expect.stringMatching(/^ {2}1\. rule 1: refuses\. None of the rule's permissions opens GET \/users/),
      expect.stringMatching(/^ {2}2\. rule 2: allows \(tenants: .+\)$/),
      '  3. rule 3: not reached',
      '  4. rule 4: does not match the resource',
    ]);
  });

  it('says why no rule does', async () => {
    const policy = rules({ via: ['token'], scopes: ['User.Read.All'] }, users);
    const { exit, out } = await explained('DELETE /v1.0/users/a', policy, '--json');
    expect(exit).toBe(1);
    expect(JSON.parse(out)).toMatchObject({
      allowed: false,
      rules: [
        { rule: 'rule 1', outcome: 'no requests' },
        { rule: 'rule 2', outcome: 'refuses' },
      ],
    });
  });

  it('says on which condition a rule opens the request', async () => {
    const approved = { ...users, approval: { count: 2 } };
    const emergency = { ...users, breakGlass: true };
    const policy = rules(emergency, approved, { ...users, scopes: ['Group.Read.All'] });
    const asked = await explained('GET /v1.0/users', policy);
    expect(asked.exit).toBe(3);
    expect(asked.out.split('\n').slice(0, 3)).toEqual([
      'Needs 2 approvals by "rule 2": sends GET /v1.0/users by User.Read.All, with a token of the application default.',
      '  1. rule 1: allows on a condition; another rule comes before it',
      expect.stringMatching(/^ {2}2\. rule 2: allows/),
    ]);
    const report: unknown = JSON.parse((await explained('GET /v1.0/users', policy, '--json')).out);
    expect(report).toMatchObject({ rule: 'rule 2', approval: { count: 2 }, breakGlass: false });
    const urgent = rules(emergency);
    expect((await explained('GET /v1.0/users', urgent)).out).toContain(
      'Only in an emergency, with a reason, by "rule 1"',
    );
    const urgentReport: unknown = JSON.parse((await explained('GET /v1.0/users', urgent, '--json')).out);
    expect(urgentReport).toMatchObject({ rule: 'rule 1', breakGlass: true });
  });

  it('judges cmdlets by the body, and a batch by its parts', async () => {
    const body = JSON.stringify({ CmdletInput: { CmdletName: 'Get-Mailbox', Parameters: { Identity: 'a' } } });
    const invoke = `POST /adminapi/beta/${guid(7)}/InvokeCommand`;
    const asked = await explained(invoke, rules(mailboxes), '--resource', 'exchange', '--body', body);
    expect([asked.exit, asked.out]).toEqual([0, expect.stringContaining('Allowed by "rule 1"')]);
    const requests = ['/users', '/groups'].map((url) => ({ id: url, method: 'GET', url }));
    const batch = await explained(
      'POST /v1.0/$batch',
      rules({ scopes: ['User.Read.All'] }),
      '--body',
      JSON.stringify({ requests }),
    );
    expect(batch.out).toContain('sends 1 of 2 parts of the batch by User.Read.All');
  });

  it('judges by the rules of Exchange what RESOURCES leads there', async () => {
    const body = JSON.stringify({ CmdletInput: { CmdletName: 'Get-Mailbox', Parameters: { Identity: 'a' } } });
    const request = `POST /adminapi/beta/${guid(7)}/InvokeCommand`;
    const policy = rules({ ...mailboxes, resources: ['protection'] });
    const asked = async (resources: string) => {
      vi.stubEnv('RESOURCES', resources);
      return (await explained(request, policy, '--resource', 'protection', '--body', body)).exit;
    };
    expect(await asked('protection=https://ps.compliance.protection.outlook.com')).toBe(0);
    expect(await asked('protection=https://api.example.com')).toBe(1);
    expect(await asked('protection')).toBe(2);
  });

  it('needs the role of the gateway only for requests', async () => {
    const other = await explained('GET /v1.0/users', rules(users), '--role', 'Tokens.Request');
    expect([other.exit, other.out]).toEqual([1, expect.stringContaining('1. rule 1: does not match the role')]);
  });

  it('takes a path without a version for one of v1.0', async () => {
    const { exit, out } = await explained('GET users', rules(users));
    expect([exit, out]).toEqual([0, expect.stringContaining('GET /v1.0/users')]);
  });

  it.each(['GET', 'GET /a b'])('rejects %j, which is no method and path', async (request) => {
    expect((await explained(request, rules(users))).exit).toBe(2);
  });
});

it('explains a rule for tagged tenants with --tag', async () => {
  const file = join(folder, 'tagged.json');
  const rule = { name: 'gold', callers: { applications: [helpdesk] }, tenants: ['tag:gold'], resources: ['graph'] };
  await writeFile(file, JSON.stringify({ version: 1, rules: [rule] }));
  const words = ['test', '--file', file, '--caller', helpdesk, '--tenant', guid(2), '--resource', 'graph', '--tag'];
  expect((await ptb(...words, 'gold')).exit).toBe(0);
  expect((await ptb(...words, 'silver')).exit).toBe(1);
});
