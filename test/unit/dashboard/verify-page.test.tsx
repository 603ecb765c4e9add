// @vitest-environment happy-dom
import { hash } from 'node:crypto';
import { useState } from 'preact/hooks';
import { act } from 'preact/test-utils';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { AccountView } from '../../../dashboard/verify/account-view.tsx';
import { VerifyPage } from '../../../dashboard/verify/app.tsx';
import { type Checked, checkFile, noHeads, takeTurns, withHeads } from '../../../dashboard/verify/check.ts';
import { SignInsPanel } from '../../../dashboard/verify/sign-ins-view.tsx';
import { answerOf } from '../../../dashboard/verify/verdict.tsx';
import type { ExtractLine, TreeHead } from '../../../src/lib/audit/proof/layout.ts';
import { guid } from '../../support/audit-entries.ts';
import { fileOf, startMs, type Story, storyOfADay } from '../../support/customer-story.ts';
import { rendered } from './rendered.ts';

let story: Story;
let lines: readonly ExtractLine[];
beforeAll(async () => {
  story = await storyOfADay();
  lines = await story.extract();
}, 60_000);
let cleanUp: () => Promise<void> = async () => undefined;
afterEach(() => cleanUp());

const alice = guid(0xb1);
const carol = guid(0xc3);

const checked = (of: readonly ExtractLine[]): Promise<Checked> =>
  checkFile(new Blob([fileOf(of)]), {
    nowMs: story.world.audit.nowMs + 60_000,
    onProgress: () => undefined,
    signal: new AbortController().signal,
  });

/** The lines with unsigned records and names that somebody without a key adds. */
const withAdded = (...added: readonly ExtractLine[]): ExtractLine[] =>
  lines.flatMap((line) =>
    line.type === 'end'
      ? [...added, { ...line, unsigned: line.unsigned + added.filter(({ type }) => type === 'unsigned').length }]
      : [line],
  );
const recordWith = (wanted: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  lines.flatMap((line) =>
    line.type === 'record' && Object.entries(wanted).every(([name, value]) => line.record[name] === value)
      ? [line.record]
      : [],
  )[0] ?? {};
const unsigned = (record: Readonly<Record<string, unknown>>) => ({ type: 'unsigned', record }) as ExtractLine;

async function shown(of: Checked): Promise<HTMLElement> {
  const { root, unmount } = await rendered(<AccountView {...of} log={[]} onLog={() => undefined} />);
  cleanUp = unmount;
  return root;
}
const textOf = (root: HTMLElement, selector: string): string => root.querySelector(selector)?.textContent ?? '';

describe('what nothing signs', () => {
  it('changes nothing that is said of signed records, and stands apart', async () => {
    const before = await checked(lines);
    const approved = recordWith({ kind: 'approval', outcome: 'approved' });
    const sent = recordWith({ kind: 'request', outcome: 'sent' });
    const after = await checked(
      withAdded(
        unsigned({ ...approved, callerObject: carol, reason: 'I approve this.' }),
        unsigned({ ...sent, RowKey: `${String(sent['RowKey'])}0`, outcome: 'answered', status: 403 }),
        unsigned({ ...sent, RowKey: `${String(sent['RowKey'])}1`, outcome: 'sent', breakGlass: true, uti: 'ROGUE' }),
        { type: 'name', id: carol, name: 'Carol Chief (CFO of the customer)' },
      ),
    );
    expect(after.verdict.isProven).toBe(true);
    expect(after.account.happenings).toEqual(before.account.happenings);
    expect([...after.account.approvals]).toEqual([...before.account.approvals]);
    expect(after.tokens.all).toEqual(before.tokens.all);
    const root = await shown(after);
    const where = [...root.querySelectorAll('section')].filter(({ textContent }) =>
      /Carol Chief|I approve this|Microsoft refused it Access/.test(textContent ?? ''),
    );
    expect(where.map(({ id }) => id)).toEqual(['unproven']);
    expect(textOf(root, '#unproven')).toContain('whoever had the file can have added or changed them');
    expect(textOf(root, '#emergencies header')).toBe('Emergencies2');
  });

  it('names no object of a change, whose own values alone do', async () => {
    const row = JSON.stringify({ action: 'update', target: `/users/${carol}`, before: null, after: '{"city":"Bern"}' });
    const sha256 = hash('sha256', row, 'hex');
    const sent = recordWith({ kind: 'request', outcome: 'sent' });
    const of = await checked(
      withAdded(
        unsigned({ ...sent, RowKey: `${String(sent['RowKey'])}0`, changeSha256: sha256 }),
        { type: 'change', sha256, row },
        { type: 'name', id: carol, name: 'Carol Chief' },
      ),
    );
    expect(of.verdict.isProven).toBe(true);
    const root = await shown(of);
    expect(textOf(root, '#unproven')).toContain(`/users/${carol}Property`);
    expect(root.textContent).not.toContain('Carol Chief');
  });

  it('has no panel in a file without it', async () => {
    const of = await checked(await story.extract(startMs, story.world.audit.nowMs - 900_000));
    expect([of.verdict.isProven, of.verdict.unsigned]).toEqual([true, 0]);
    expect((await shown(of)).querySelector('#unproven')).toBeNull();
  });
});

describe('a file with withheld records', () => {
  const withheld = (isWithheld: (record: Readonly<Record<string, unknown>>) => boolean) =>
    story.world.extract(story.tenant, startMs, story.world.audit.nowMs, { isWithheld });

  it('is never said to have no access', async () => {
    const of = await checked(await withheld(() => true));
    expect([of.verdict.isProven, of.verdict.records]).toEqual([true, 0]);
    const root = await shown(of);
    expect(root.textContent).not.toMatch(/No access is recorded|Nobody/);
    expect(root.textContent).toContain(`All ${of.verdict.withheld} records of the time are withheld`);
  });

  it('says how many, that lists may lack them, and that an approval is not shown', async () => {
    const of = await checked(await withheld(({ kind, outcome }) => kind === 'approval' && outcome === 'approved'));
    const root = await shown(of);
    expect(textOf(root, '.glance')).toContain('1 record withheld');
    expect(textOf(root, '#withheld')).toContain('Each list below may lack them.');
    const change = textOf(root, '#changes');
    expect(change).toContain('whose decision is not among the proven records that this file shows');
    expect(change).not.toContain('outside this time');
  });

  it('calls no list empty', async () => {
    const root = await shown(await checked(await withheld(({ breakGlass }) => breakGlass === true)));
    expect(textOf(root, '#emergencies header')).toBe('Emergenciesnone that is shown');
  });
});

it('says that no access is recorded, of which tenant, and still compares with the sign-in log', async () => {
  const of = await checked(await story.world.extract(guid(0xdead) as never, startMs, story.world.audit.nowMs));
  const root = await shown(of);
  expect(root.textContent).toContain('No access is recorded');
  expect(root.textContent).toContain(guid(0xdead));
  expect(root.querySelector('#sign-ins')).not.toBeNull();
});

describe('names', () => {
  it('stand beside the ids that records have', async () => {
    const root = await shown(await checked(lines));
    for (const panel of ['changes', 'approvals', 'emergencies', 'people', 'timeline'])
      expect([panel, textOf(root, `#${panel}`).includes(`Alice Adams ${alice}`)]).toEqual([panel, true]);
    expect(textOf(root, '#applications')).toContain(`Helpdesk portal ${guid(0xa1)}`);
    expect(textOf(root, '#data')).toContain(`</script> ${guid(0xa2)}`);
    expect(textOf(root, '.zone')).toContain('nobody signs names: rely on the id beside each');
  });

  it('of the tenant is not what the verdict is about: its id stands large and has to be compared', async () => {
    const root = await page();
    expect(textOf(root, '.note')).toContain('about the tenant below');
    expect(textOf(root, '.note')).not.toContain('Customer GmbH');
    const panel = root.querySelector('section[aria-labelledby=tenant]');
    expect(panel?.querySelector('.fingerprint')?.textContent).toBe(story.tenant);
    expect(panel?.textContent).toContain('The file calls it “Customer GmbH”. Nobody signs names');
  });
});

/** The page, with a file that it has read. */
async function page(): Promise<HTMLElement> {
  const { root, unmount } = await rendered(<VerifyPage />);
  cleanUp = unmount;
  await give(root, '#extract', [new File([fileOf(lines)], 'a.jsonl')], 'PROVEN');
  return root;
}

async function textAfterATurn(root: HTMLElement): Promise<string | null> {
  await act(() => new Promise((resolve) => setTimeout(resolve, 5)));
  return root.textContent;
}

async function give(root: HTMLElement, field: string, files: readonly File[], until: string): Promise<void> {
  const input = root.querySelector(field);
  Object.defineProperty(input, 'files', { value: files, configurable: true });
  await act(() => void input?.dispatchEvent(new Event('change', { bubbles: true })));
  await expect.poll(() => textAfterATurn(root)).toContain(until);
}

describe('the verdict', () => {
  const type = (root: HTMLElement, id: string, text: string): Promise<void> =>
    act(() => {
      const input = root.querySelector<HTMLInputElement>(`#${id}`);
      if (input) input.value = text;
      input?.dispatchEvent(new Event('input', { bubbles: true }));
    });
  const box = (root: HTMLElement) => {
    const { className, textContent } = root.querySelector('section[aria-label=Verdict] > .note') ?? {};
    const isShown = root.querySelector(':not([hidden]) > #timeline') !== null;
    return { looks: className, says: textContent ?? '', title: textOf(root, 'section > .note h2'), isShown };
  };
  const thumbprintOf = (root: HTMLElement): string => textOf(root, '.signer .fingerprint');

  it('names what is not compared yet, and is green only once tenant and key are', async () => {
    const root = await page();
    const open = 'Not compared yet: the tenant, the key, what others were shown. Until then';
    expect(box(root)).toMatchObject({ looks: 'note warn', title: 'PROVEN, not compared yet', isShown: true });
    expect(box(root).says).toContain(open);
    await type(root, 'own-tenant', ` ${story.tenant.toUpperCase()} `);
    expect(box(root).says).toContain('Not compared yet: the key, what others were shown. Until then');
    expect(textOf(root, '[aria-labelledby=tenant] [role=status]')).toBe('It is this tenant.');
    await type(root, 'expected', `sha256=${thumbprintOf(root)}`);
    expect(box(root)).toMatchObject({ looks: 'note proven', title: 'PROVEN', isShown: true });
    expect(box(root).says).toContain('Not compared yet: what others were shown.');
    const heads = lines.flatMap((line) => (line.type === 'account' ? [line.jws] : []));
    await give(root, '#heads', [new File([JSON.stringify({ heads })], 'heads.json')], 'the same as among');
    expect(box(root)).toMatchObject({ looks: 'note proven', title: 'PROVEN' });
    expect(box(root).says).not.toContain('Not compared');
  });

  it('turns red and shows no account if the tenant or the key is another one', async () => {
    const root = await page();
    await type(root, 'own-tenant', guid(0xdead));
    expect(box(root)).toMatchObject({ looks: 'note bad', title: 'NOT PROVEN', isShown: false });
    expect(box(root).says).toContain('about another tenant than the one whose id you typed');
    await type(root, 'own-tenant', '');
    expect(box(root)).toMatchObject({ looks: 'note warn', isShown: true });
    await type(root, 'expected', thumbprintOf(root).replaceAll(' ', '').toLowerCase());
    expect(box(root)).toMatchObject({ looks: 'note bad', title: 'NOT PROVEN', isShown: false });
    expect(box(root).says).toContain('signed with another key than the one that you typed');
  });

  it('stays as it is while the right id or fingerprint is typed', async () => {
    const root = await page();
    for (const [id, text] of [
      ['own-tenant', story.tenant],
      ['expected', `sha256=${thumbprintOf(root)}`],
    ] as const)
      for (const end of [1, 4, 6, 8, 15, 24]) {
        await type(root, id, text.slice(0, end));
        expect(box(root)).toMatchObject({ title: 'PROVEN, not compared yet', isShown: true });
      }
  });

  it('keeps what the reader chose in the account through a slip in a field', async () => {
    const root = await page();
    const account = root.querySelector('#timeline');
    await type(root, 'own-tenant', guid(0xdead));
    expect(box(root).isShown).toBe(false);
    await type(root, 'own-tenant', story.tenant);
    expect(box(root).isShown).toBe(true);
    expect(root.querySelector('#timeline')).toBe(account);
  });

  const [one, two, retired] = ['a', 'b', 'c'].map((letter) => letter.repeat(43)) as [string, string, string];
  it.each([
    [`"sha256=${one}"`, 'open'],
    [`${one},`, 'open'],
    [`${one} ${retired}`, 'open'],
    [`${one} sha256=${two.slice(0, 9)}`, 'open'],
    [`"sha256=${one}", "sha256=${two}"`, 'same'],
    [`${two.replaceAll(/(.{4})/g, '$1 ')}\n${one} ${retired}`, 'same'],
    [`"sha256=${retired}"`, 'other'],
    [`${retired} ${one.slice(0, 20)}`, 'other'],
    ['', 'open'],
  ])('takes %j for two fingerprints as %s', (typed, answer) => {
    expect(answerOf(typed, [one, two])).toBe(answer);
  });

  it('says its times in the zone of the reader, and which it is', async () => {
    const root = await page();
    const { says } = box(root);
    expect(says).toContain(`(${Intl.DateTimeFormat().resolvedOptions().timeZone})`);
    expect(says).toContain('Nothing is signed yet of the time from 24 Nov 2026, ');
    expect(says).not.toMatch(/\d{4}-\d\d-\d\dT/);
  });
});

it('counts a change that Microsoft refused apart, and approvals by those that were given', async () => {
  const root = await shown(await checked(lines));
  expect(textOf(root, '.glance')).toContain('7 changes1 change that failed1 approval given');
  expect(textOf(root, '#changes')).not.toContain('Tried');
  expect(textOf(root, '#tried')).toContain('Tried, and Microsoft refused: changed the user tom');
  expect(textOf(root, '#approvals header')).toBe('Approvals1 of 1 given');
  expect(textOf(root, '#people tr:nth-child(2)')).toContain('Bob Brown');
  expect(root.querySelector('.result')?.textContent).not.toMatch(/\d/);
});

it('says of a line that is nested too deeply that nothing speaks for it, and no name of an error', async () => {
  const { root, unmount } = await rendered(<VerifyPage />);
  cleanUp = unmount;
  const [first = '', second = '', ...more] = fileOf(lines).split('\n');
  const nested = `${second.slice(0, -1)},"x":${'['.repeat(400_000)}${']'.repeat(400_000)}}`;
  await act(() => {
    const event = new Event('drop', { bubbles: true });
    const file = new File([[first, nested, ...more].join('\n')], 'extract.jsonl');
    Object.assign(event, { dataTransfer: { files: [file] } });
    root.querySelector('.drop')?.dispatchEvent(event);
  });
  await expect.poll(() => root.textContent).toMatch(/NOT PROVEN|Not checked/);
  expect(root.textContent).not.toContain('RangeError');
});

describe('the comparison with the sign-in log', () => {
  const signIn = (uti: string, appId = 'portal', more = {}) => ({
    createdDateTime: '2026-11-24T12:00:00Z',
    uniqueTokenIdentifier: uti,
    appId,
    appDisplayName: `App ${appId}`,
    status: { errorCode: 0 },
    ...more,
  });

  async function panel(record?: Readonly<Record<string, unknown>>) {
    const { tokens, verdict } = await checked(lines);
    if (record !== undefined) tokens.add(record, 1);
    function Panel() {
      const [log, setLog] = useState<readonly File[]>([]);
      return <SignInsPanel tokens={tokens} verdict={verdict} log={log} onLog={setLog} />;
    }
    const { root, unmount } = await rendered(<Panel />);
    cleanUp = unmount;
    const edges = ['2026-11-24T09:00:00Z', '2026-11-24T23:00:00Z'].map((createdDateTime) =>
      signIn(createdDateTime, 'other', { createdDateTime }),
    );
    const known = [
      ...tokens.all.map(({ uti, firstMs }) =>
        signIn(uti, 'portal', { createdDateTime: new Date(firstMs).toISOString() }),
      ),
      ...edges,
    ];
    const drop = async (name: string, rows: readonly object[]): Promise<void> => {
      await act(() => {
        const event = new Event('drop', { bubbles: true });
        Object.assign(event, { dataTransfer: { files: [new File([JSON.stringify(rows)], name)] } });
        root.querySelector('.drop')?.dispatchEvent(event);
      });
      await expect.poll(() => textAfterATurn(root)).not.toContain('Reading');
    };
    return { root, known, drop };
  }

  it('adds a second download to the first', async () => {
    const { root, known, drop } = await panel();
    await drop('users.json', [...known, signIn('stolen')]);
    expect(root.textContent).toContain('1 sign-in without a record');
    await drop('principals.json', known);
    expect(root.textContent).toContain('1 sign-in without a record');
    expect(root.textContent).toContain('Compared: users.json, principals.json.');
    await act(() => [...root.querySelectorAll('button')].find((each) => each.textContent === 'Start anew')?.click());
    await drop('principals.json', known);
    expect(root.textContent).toContain('Nothing without a record');
  });

  it('keeps what it has read if a file is no log', async () => {
    const { root, known, drop } = await panel();
    await drop('users.json', [...known, signIn('stolen')]);
    await drop('letter.json', [{}]);
    expect(root.querySelector('[role=alert]')?.textContent).toContain('letter.json: The file has no identifiers');
    expect(root.textContent).toContain('1 sign-in without a record');
  });

  it('calls a comparison without one of the downloads no proof', async () => {
    const { root, known, drop } = await panel();
    await drop('users.json', known);
    expect(root.querySelector('.note.proven')).not.toBeNull();
    await drop('letter.json', [{}]);
    expect(root.textContent).toContain('Nothing without a record in what was compared');
    expect(root.querySelector('.note.proven')).toBeNull();
  });

  it('takes an empty download for what the reader says of it, and repeats that nothing proves it', async () => {
    const { root, known, drop } = await panel();
    await drop('principals.json', []);
    expect(root.textContent).toContain('no time in common');
    await drop(
      'users.json',
      known.map((row) => ({ ...row, userPrincipalName: 'carol' })),
    );
    expect(root.querySelector('.note.proven')).toBeNull();
    const said = () =>
      [...root.querySelectorAll('label')].filter(({ textContent }) => textContent.includes('My log has no sign-in'));
    expect(said()).toHaveLength(1);
    await act(() => said()[0]?.querySelector('input')?.click());
    expect(root.textContent).toContain('no sign-in of service principals in the time of the file');
    expect(root.textContent).toContain('It rests on your word that the log of service principals was empty.');
    expect(root.textContent).not.toMatch(/Both have sign-ins of [^.]*service principals/);
    expect(root.textContent).not.toContain('Not compared: sign-ins');
    expect(root.querySelector('.note.proven')).not.toBeNull();
    await drop('more.json', [
      signIn('x', 'other', { servicePrincipalName: 'Agent', createdDateTime: '2026-11-24T10:00:00Z' }),
    ]);
    expect(said()).toHaveLength(0);
    expect(root.textContent).toContain('Not compared: sign-ins of service principals');
  });

  it('takes no word that a log was empty if proven records have tokens of its kind', async () => {
    const at = '2026-11-24T12:00:00Z';
    const { root, known, drop } = await panel({ uti: 'agent', at, fromCache: false, grant: 'application' });
    const users = known.filter(({ uniqueTokenIdentifier: uti }) => uti !== 'agent');
    await drop(
      'users.json',
      users.map((row) => ({ ...row, userPrincipalName: 'carol' })),
    );
    expect(root.textContent).toContain('The log of service principals is missing here: proven records have tokens');
    expect(root.textContent).not.toContain('My log has no sign-in');
    expect(root.querySelector('.note.proven')).toBeNull();
  });

  it('calls a comparison without the log of service principals no proof, although no record is of one', async () => {
    const { root, known, drop } = await panel();
    await drop(
      'users.json',
      known.map((row) => ({ ...row, userPrincipalName: 'carol' })),
    );
    expect(root.textContent).toContain('Nothing without a record in what was compared');
    expect(root.textContent).toContain('Not compared: sign-ins of service principals from ');
    expect(root.querySelector('.note.proven')).toBeNull();
  });

  it('says how many rows it cannot read, and calls the rest no proof', async () => {
    const { root, known, drop } = await panel();
    await drop('users.json', [...known, signIn('')]);
    expect(root.textContent).toContain('1 row cannot be read');
    expect(root.textContent).toContain('Nothing without a record in what was compared');
    expect(root.querySelector('.note.proven')).toBeNull();
  });

  it('offers an application with few sign-ins, by a search and first if Microsoft marks it', async () => {
    const { root, known, drop } = await panel();
    const busy = Array.from({ length: 30 }, (_, app) => [0, 1, 2].map((at) => signIn(`${app} ${at}`, `busy-${app}`)));
    const marked = signIn('marked', 'marked', { crossTenantAccessType: 'serviceProvider' });
    await drop('all.json', [...known, ...busy.flat(), signIn('rare', 'rare'), marked]);
    const labels = (): string[] => [...root.querySelectorAll('.check')].map((label) => label.textContent ?? '');
    expect(labels()[1]).toContain('App marked');
    expect(labels().join()).not.toContain('App rare');
    await act(() => {
      const search = root.querySelector<HTMLInputElement>('input[type=search]');
      if (search) search.value = 'RARE';
      search?.dispatchEvent(new Event('input', { bubbles: true }));
    });
    expect(labels().map((label) => label.split(' ')[1])).toEqual(['portal', 'rare']);
  });
});

describe('published heads', () => {
  it('are said to agree only after the file was checked against them', async () => {
    const root = await page();
    const noHead = ['e', 'p', 's'].map((letter) => letter.repeat(20)).join('.');
    const files = [new File([JSON.stringify({ heads: [noHead] })], 'start.json'), new File(['{}'], 'end.json')];
    await give(root, '#heads', files, 'end.json has no published checkpoints');
    const panel = textOf(root, '[aria-labelledby=published]');
    const heads = lines.flatMap((line) => (line.type === 'account' ? [line.jws] : []));
    const [{ number, to }] = heads.map((jws) => JSON.parse(atob(jws.split('.')[1] ?? ''))) as [TreeHead];
    expect(panel).toMatch(new RegExp(`Not compared: checkpoint numbers? ${number}\\b.*start.json.*heads.from=${to}`));
    expect(root.querySelector('[aria-labelledby=published] .good-text')).toBeNull();
    // A list that is too short says nothing about the file.
    expect(textOf(root, 'section > .note h2')).toBe('PROVEN, not compared yet');
    expect(textOf(root, 'section > .note')).toContain('what others were shown');
  });

  it('are not all that is named for a file that is not whole', async () => {
    const root = await page();
    const heads = lines.flatMap((line) => (line.type === 'account' ? [line.jws] : []));
    await give(root, '#heads', [new File([JSON.stringify({ heads })], 'heads.json')], 'the same as among');
    const part = fileOf(lines).split('\n').slice(0, -3).join('\n');
    await give(root, '#extract', [new File([part], 'part.jsonl')], 'NOT PROVEN');
    expect(root.textContent).toContain('ask for the file once more');
    expect(root.textContent).toContain('What the file says is not shown');
    expect(root.textContent).toContain('Check it without the published checkpoints');
  });
});

describe('long work', () => {
  it('reads a file of heads made to be slow in a moment, and finds heads across pieces', async () => {
    const slow = new File(['a'.repeat(1_000_000)], 'slow.json');
    expect(await withHeads(noHeads, [slow])).toMatchObject({ problem: 'slow.json has no published checkpoints.' });
    const [head = ''] = lines.flatMap((line) => (line.type === 'account' ? [line.jws] : []));
    const whole = new File([JSON.stringify({ heads: [head, `${'x'.repeat(200_000)}.${head}`] })], 'heads.json');
    expect(await withHeads(noHeads, [whole])).toEqual({ names: ['heads.json'], heads: [head] });
  });

  it('lets the page answer every 40 ms, and ends with its signal', async () => {
    const stop = new AbortController();
    let turns = 0;
    const turn = takeTurns(stop.signal, () => (turns += 1));
    const until = performance.now() + 200;
    while (performance.now() < until) await turn();
    expect(turns).toBeGreaterThan(0);
    expect(turns).toBeLessThanOrEqual(5);
    stop.abort(new Error('stopped'));
    await expect(
      (async () => {
        for (;;) await turn();
      })(),
    ).rejects.toThrow('stopped');
  });
});
