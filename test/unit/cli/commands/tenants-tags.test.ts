import { afterEach, describe, expect, it, vi } from 'vitest';
import { registerTenants } from '../../../../src/cli/commands/tenants.ts';
import { runCommand } from './command-stage.ts';

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

const tenantId = 'aaaaaaaa-0000-4000-8000-000000000001';
const changed = { tenantId, tags: ['managed'], added: ['managed'], removed: ['trial', 'tier=gold'] };
const tag = (...words: string[]) => runCommand(registerTenants, ['tenants', 'tag', 'one.example', ...words], [changed]);

describe('ptb tenants tag', () => {
  it('adds and removes tags, and says what has changed', async () => {
    const { exit, out, requests } = await tag('--add', 'managed', '--remove', 'trial', 'tier');
    expect(requests).toEqual([
      {
        method: 'PUT',
        path: '/tenants/one.example/tags',
        body: { add: ['managed'], remove: ['trial', 'tier'] },
      },
    ]);
    expect([exit, out]).toEqual([
      0,
      'Changed: added managed, removed trial, removed tier=gold.\nTags of one.example: managed\n',
    ]);
  });

  it.each([
    [['--set', 'a', 'b'], { tags: ['a', 'b'] }],
    [['--clear'], { tags: [] }],
  ])('replaces all tags with %j', async (words, body) => {
    expect((await tag(...words)).requests).toMatchObject([{ method: 'PUT', body }]);
  });

  it('shows the tags without a change', async () => {
    const details = { tenantId, name: 'One Ltd', tags: [], groups: ['gold'], warnings: ['Late.'] };
    const shown = (answer: object, ...words: string[]) =>
      runCommand(registerTenants, ['tenants', 'tag', 'one.example', ...words], [answer]);
    const { out, err, requests } = await shown(details);
    expect(requests).toMatchObject([{ method: 'GET', path: '/tenants/one.example' }]);
    expect([out, err]).toEqual(['Tags of One Ltd: none\n', 'Late.\n']);
    expect((await shown({ ...details, tags: undefined })).out).toContain('not known');
    const { out: json } = await shown({ ...details, tags: ['a'] }, '--json');
    expect(JSON.parse(json.slice(json.lastIndexOf('{')))).toEqual({
      tenantId,
      name: 'One Ltd',
      tags: ['a'],
      groups: ['gold'],
    });
  });

  it.each([[['--clear', '--set', 'a']], [['--set', 'a', '--add', 'b']], [['--clear', '--remove', 'b']]])(
    'refuses %j without asking the broker',
    async (words) => {
      const { exit, requests } = await tag(...words);
      expect([exit, requests]).toEqual([2, []]);
    },
  );

  it('ends with exit code 2 and the reason for a tag that the broker refuses', async () => {
    const detail = 'add.0: is not a tag: use at most 64 letters.';
    const refusal = Response.json({ code: 'request_invalid', detail }, { status: 400 });
    const { exit, err } = await runCommand(
      registerTenants,
      ['tenants', 'tag', 'one.example', '--add', 'no good'],
      [refusal],
    );
    expect(exit).toBe(2);
    expect(err).toContain(detail);
  });
});

describe('ptb tenants groups', () => {
  const tenant = (more: object) => ({ tenantId, name: 'One', reachable: true, reason: 'gdap_active', ...more });

  it('counts the tenants of each group and tag', async () => {
    const answer = {
      tenants: [
        tenant({ tags: ['managed', 'tier=gold'], groups: ['gold'] }),
        tenant({ tags: ['managed'], groups: [] }),
      ],
      groups: ['gold', 'empty'],
      warnings: [],
    };
    const { out } = await runCommand(registerTenants, ['tenants', 'groups'], [answer]);
    expect(out.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
      ['name', 'tenants'],
      expect.anything(),
      ['group:gold', '1'],
      ['group:empty', '0'],
      ['tag:managed', '2'],
      ['tag:tier=gold', '1'],
      [''],
    ]);
  });

  it('says that there are none', async () => {
    const answer = { tenants: [tenant({})], groups: [], warnings: [] };
    expect((await runCommand(registerTenants, ['tenants', 'groups'], [answer])).out).toBe(
      'There are no groups and no tags.\n',
    );
  });
});

describe('ptb tenants list', () => {
  it('sends its filter, and shows tags if there are any', async () => {
    const answer = {
      tenants: [{ tenantId, name: 'One', reachable: true, reason: 'gdap_active', tags: ['a', 'b=1'], lastResults: [] }],
      groups: [],
      warnings: [],
    };
    const words = ['tenants', 'list', '--tenant', 'group:gold', 'tag:a', '--except', 'tag:b=1'];
    const { out, requests } = await runCommand(registerTenants, words, [answer]);
    expect(requests.map(({ path }) => decodeURIComponent(path))).toEqual([
      '/tenants?tenants=group:gold,tag:a&except=tag:b=1',
    ]);
    expect(out.split('\n').map((line) => line.split(/ {2,}/))).toMatchObject([
      ['tenant', 'reachable', 'last results', 'domain', 'tags'],
      {},
      ['One', 'yes', tenantId, 'a b=1'],
      [''],
      ['1 tenant'],
      [''],
    ]);
  });
});
