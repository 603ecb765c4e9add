// @vitest-environment happy-dom
import { act } from 'preact/test-utils';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { ApiFailure } from '../../../dashboard/app/api-failure.ts';
import type { Api } from '../../../dashboard/app/api.ts';
import { ApprovalFacts, titleInWords } from '../../../dashboard/app/approval-facts.tsx';
import { ApprovalView } from '../../../dashboard/app/approval-view.tsx';
import { OverviewView } from '../../../dashboard/app/overview-view.tsx';
import { ApprovalsView } from '../../../dashboard/app/approvals-view.tsx';
import { approvalsLink, parseApprovalsFilter } from '../../../dashboard/app/view-filter.ts';
import { Side } from '../../../dashboard/app/side.tsx';
import { Waiting } from '../../../dashboard/app/waiting.tsx';
import type { ApprovalAnswer, ApprovalsAnswer } from '../../../src/lib/api/answers/approvals.ts';
import { goTo, useRoute } from '../../../dashboard/app/route.ts';
import { rendered, session } from './rendered.ts';
import { signedIn } from './signed-in.tsx';

const me = '00000000-0000-4000-8000-000000000001';
const other = '00000000-0000-4000-8000-000000000002';
const party = (objectId: string, name: string) => ({ objectId, applicationId: other, kind: 'user' as const, name });

const approval = (more: Partial<ApprovalAnswer> = {}): ApprovalAnswer => ({
  id: '20261124t050000-7f3a9c21',
  kind: 'request',
  title: 'PATCH /v1.0/users/0a1b at graph in Contoso',
  status: 'pending',
  rule: 'changes need an approval',
  tenantId: other,
  asker: party(other, 'Helpdesk'),
  askedAt: '2026-11-24T05:00:00.000Z',
  expiresAt: '2026-11-24T06:00:00.000Z',
  approvalsNeeded: 1,
  approvalsGiven: 0,
  deciders: [],
  servedOnce: true,
  possibleDecisions: ['approve', 'deny', 'revoke'],
  facts: [{ name: 'Request', value: 'PATCH /v1.0/users/0a1b' }],
  details: [{ name: 'Body', value: '{ "accountEnabled": false }' }],
  digest: 'd'.repeat(64),
  from: ['Approvals.Decide'],
  validMinutes: 30,
  decisions: [],
  correlationId: other,
  ...more,
});

const slow = new ApiFailure({ title: 'The broker is slow', detail: 'No.', advice: 'Wait.', transient: true });

const decider = ['Approvals.Decide'];

let cleanUp: () => Promise<void> = async () => undefined;
afterEach(async () => {
  await cleanUp();
  location.hash = '';
});

/** Lets answers arrive, effects run, and the requests that follow from them. */
async function settle(): Promise<void> {
  for (let round = 0; round < 4; round += 1) await act(() => new Promise((resolve) => setTimeout(resolve)));
}

function ByAddress() {
  const { view, id } = useRoute();
  if (view !== 'approvals') return <h1>Elsewhere</h1>;
  return id === undefined ? <ApprovalsView filter={{}} /> : <ApprovalView approvalId={id} />;
}

const views = {
  list: () => <ApprovalsView filter={{}} />,
  closed: () => <ApprovalsView filter={{ show: 'closed' }} />,
  one: () => <ApprovalView approvalId={approval().id} />,
  overview: () => <OverviewView />,
  /** What the address names. Elsewhere nothing is decided. */
  address: () => <ByAddress />,
};

async function page(view: keyof typeof views, methods: Partial<Api>, roles: readonly string[] = decider) {
  const child = (
    <Waiting>
      <Side
        signedIn={{
          kind: 'signed-in',
          session,
          source: { token: async () => '', renew: async () => undefined } as never,
        }}
        route={{ view: 'approvals', query: '' }}
        onSignOut={() => undefined}
      />
      <main id="content">{views[view]()}</main>
    </Waiting>
  );
  const shown = await rendered(signedIn(methods, child, [...roles], me));
  cleanUp = shown.unmount;
  await settle();
  const { root } = shown;
  const button = (text: string) =>
    [...root.querySelectorAll('button')].find((each) => each.textContent?.startsWith(text));
  const press = async (text: string): Promise<void> => {
    await act(() => button(text)?.click());
    await settle();
  };
  const type = async (reason: string): Promise<void> => {
    const field = root.querySelector('textarea')!;
    await act(() => {
      field.value = reason;
      field.dispatchEvent(new Event('input', { bubbles: true }));
    });
  };
  const send = async (reason: string): Promise<void> => {
    await type(reason);
    await act(() => {
      root.querySelector('dialog form')!.dispatchEvent(new Event('submit', { bubbles: true, cancelable: true }));
    });
    await settle();
  };
  return { root, button, press, type, send };
}

/** A broker that keeps one approval. */
function broker(first: ApprovalAnswer) {
  let now = first;
  const decide = vi.fn<Api['decide']>(async (_, { decision }) => {
    now = { ...now, status: decision === 'approve' ? 'approved' : 'denied', possibleDecisions: ['revoke'] };
    return now;
  });
  const approvals = vi.fn<Api['approvals']>(async ({ status }) => ({
    approvals: status === undefined || now.status === status ? [now] : [],
  }));
  return {
    api: { approvals, decide, approval: async () => now },
    become: (next: Partial<ApprovalAnswer>) => {
      now = { ...now, ...next };
    },
  };
}

describe('the list of approvals', () => {
  it('counts in the navigation what the person may decide on, from several pages, one of them empty', async () => {
    const pages: ApprovalsAnswer[] = [
      { approvals: [], continuation: 'c1' },
      { approvals: [approval(), approval({ id: 'b', possibleDecisions: [] }), approval({ id: 'c' })] },
    ];
    const approvals = vi.fn<Api['approvals']>(async ({ continuation }) => pages[continuation === undefined ? 0 : 1]!);
    const { root } = await page('one', { approvals, approval: async () => approval() });
    expect(root.querySelector('nav .count')?.textContent).toBe(' (2 wait for your decision)');
    expect(approvals.mock.calls.map(([query]) => query)).toEqual([
      { status: 'pending', limit: '100' },
      { status: 'pending', limit: '100', continuation: 'c1' },
    ]);
  });

  it('shows who asks for what, since when, why, what an approval does, by which rule, and how many must decide', async () => {
    const { api } = broker(approval({ reason: 'Ticket 4711.', approvalsNeeded: 2, approvalsGiven: 1 }));
    const { root } = await page('list', api);
    const text = root.querySelector('.approval')?.textContent ?? '';
    for (const part of [
      'WhyTicket 4711.',
      'Asked byHelpdesk, 24 Nov',
      'PATCH /v1.0/users/0a1b',
      'changes need',
      '1 of 2 approvals',
    ])
      expect(text).toContain(part);
    expect(text).toContain('After approvalvalid for one use within 30 minutes');
    // Ids are for support.
    expect(text).not.toContain(other);
    expect(root.querySelector(`.approval [title*="${other}"]`)?.textContent).toBe('Helpdesk');
  });

  it.each([
    ['Portal', 'application', 'Portal application'],
    ['application Portal (7f3a9c21…)', 'application', 'application Portal (7f3a9c21…)'],
    ['Ada Lovelace (applications)', 'application', 'Ada Lovelace (applications) application'],
    ['7f3a9c21-0000-4000-8000-000000000003', 'application', 'application 7f3a9c21…'],
    ['agent x for me', 'agent', 'agent x for me'],
    // People share an application.
    ['7f3a9c21-0000-4000-8000-000000000003', 'user', 'person 00000000…'],
    ['ada@contoso.example', 'user', 'ada@contoso.example'],
  ] as const)('says once what the asker %s is: %s', async (name, kind, expected) => {
    const { root } = await page('list', broker(approval({ asker: { ...party(other, name), kind } })).api);
    expect(root.querySelector(`.approval [title*="${other}"]`)?.textContent).toBe(expected);
  });

  it('counts what is in each of its parts', async () => {
    const { root } = await page('list', broker(approval({ status: 'used' })).api);
    const parts = [...root.querySelectorAll('.seg a')].map(({ textContent }) => textContent);
    expect(parts).toEqual(['Waiting 0', 'Approved and valid 0', 'Closed 1']);
  });

  it('has beside what waits what became of the last ones, with who decided and when', async () => {
    const decided = (id: string, more: Partial<ApprovalAnswer>) =>
      approval({ id, status: 'denied', deciders: [party(me, 'Ada')], closedAt: approval().askedAt, ...more });
    const all = [
      approval(),
      ...Array.from({ length: 6 }, (_, n) =>
        decided(`d${n}`, { title: `Denied ${n}`, closedAt: `2026-11-24T0${n}:30:00.000Z` }),
      ),
      decided('lapsed', { title: 'Lapsed', status: 'expired', deciders: [], closedAt: '2026-11-24T04:15:00.000Z' }),
      decided('valid', { title: 'Valid', status: 'approved', approvedAt: '2026-11-24T03:45:00.000Z' }),
    ];
    const approvals = (async ({ status }) => ({
      approvals: all.filter((each) => status === undefined || each.status === status),
    })) as Api['approvals'];
    const { root } = await page('list', { approvals });
    const [, lately] = root.querySelectorAll('main .panel');
    expect(lately?.querySelector('h2')?.textContent).toBe('Lately');
    const items = [...(lately?.querySelectorAll('li') ?? [])].map(({ textContent }) => textContent);
    expect(items.map((text) => text.replace(/Ada, 2\d Nov, \d\d:/, ' '))).toEqual([
      'Denied 5 30denied',
      'Denied 4 30denied',
      'Lapsed24 Nov, 04:15expired without a decision',
      'Valid 45approved',
      'Denied 3 30denied',
    ]);
  });

  it('has what is closed as rows: what it was, why, and what became of it', async () => {
    const approvals = (async ({ status }) => ({
      approvals: [
        approval({
          status: 'denied',
          reason: 'Ticket 7',
          deciders: [party(me, 'Ada')],
          closedAt: '2026-11-24T04:15:00.000Z',
        }),
        approval({ id: 'lapsed', status: 'expired', closedAt: '2026-11-24T05:15:00.000Z' }),
      ].filter((each) => status === undefined || each.status === status),
    })) as Api['approvals'];
    const { root } = await page('closed', { approvals });
    const rows = [...root.querySelectorAll('tbody tr')].map(({ children }) =>
      [...children].slice(1).map(({ textContent }) => textContent),
    );
    expect(rows).toEqual([
      ['Ticket 7', 'Ada, 24 Nov, 04:15', 'denied'],
      ['no reason given', '24 Nov, 05:15', 'expired without a decision'],
    ]);
    expect(root.querySelector('.approval')).toBeNull();
  });

  it('leads from a request to its refusal in the same dialog, with the reason that was typed', async () => {
    const { api } = broker(approval());
    const { root, press, send } = await page('list', api);
    await press('Approve…');
    await send('too short');
    await press('Deny instead…');
    expect(root.querySelector('dialog h2')?.textContent).toMatch(/^Deny “PATCH /);
    expect(root.querySelector('.consequence')?.textContent).toBe(
      'The request is refused, even if others have approved it.',
    );
    expect(root.querySelector('textarea')?.value).toBe('too short');
    await send('The ticket is closed already.');
    expect(api.decide).toHaveBeenCalledWith(approval().id, {
      decision: 'deny',
      reason: 'The ticket is closed already.',
    });
  });

  it('moves the focus to the reason when the person denies instead', async () => {
    const { root, press } = await page('list', broker(approval()).api);
    await press('Approve…');
    expect(document.activeElement).toBe(root.querySelector('textarea'));
    await press('Deny instead…');
    expect(document.activeElement).toBe(root.querySelector('textarea'));
  });

  it('leaves the focus with the next request, and without another with the heading', async () => {
    const waiting = ['a', 'b', 'c'].map((id) => approval({ id, title: `Request ${id}` }));
    const { root, press, send } = await page('list', {
      approvals: async () => ({ approvals: [...waiting] }),
      approval: async (id) => waiting.find((one) => one.id === id)!,
      decide: async (id) =>
        waiting.splice(
          waiting.findIndex((one) => one.id === id),
          1,
        )[0]!,
    });
    for (const place of ['Request b', 'Request c', 'Nothing waits for a decision']) {
      const opener = root.querySelector<HTMLElement>('.approval button.primary');
      opener?.focus();
      await press('Approve…');
      // As browsers do.
      root.querySelector('dialog')?.addEventListener('close', () => opener?.focus());
      await send('Agreed with the customer.');
      expect(root.querySelector('dialog')).toBeNull();
      expect(document.activeElement?.textContent).toBe(place);
    }
  });

  it('leaves the focus where the person is if the dialog was closed before the decision was answered', async () => {
    const { api } = broker(approval());
    let answer: () => void = () => undefined;
    const decide: Api['decide'] = () =>
      new Promise((resolve) => (answer = () => resolve(approval({ status: 'approved' }))));
    const { root, press, send } = await page('list', { ...api, decide });
    await press('Approve…');
    await send('Agreed with the customer.');
    await press('Cancel');
    const search = root.querySelector<HTMLElement>('.find')!;
    search.focus();
    answer();
    await settle();
    expect(root.querySelector('.toast')?.textContent).toContain('You have approved it');
    expect(document.activeElement).toBe(search);
  });

  it('stays an approval while it is being sent, and a refusal after a failed approval has its own state', async () => {
    const { api } = broker(approval());
    let fail: (failure: ApiFailure) => void = () => undefined;
    const decide = vi.fn<Api['decide']>(
      () =>
        new Promise((_, reject) => {
          fail = reject;
        }),
    );
    const { root, press, send } = await page('list', { ...api, decide });
    await press('Approve…');
    await send('Agreed with the customer.');
    await press('Deny instead…');
    expect(root.querySelector('dialog h2')?.textContent).toMatch(/^Approve “PATCH /);
    fail(slow);
    await settle();
    expect(root.querySelector('dialog [role=alert]')?.textContent).toContain('The broker is slow');
    await press('Deny instead…');
    expect(root.querySelector('dialog h2')?.textContent).toMatch(/^Deny “PATCH /);
    expect(root.querySelector('dialog [role=alert]')).toBeNull();
    await send('The ticket is closed already.');
    expect(decide.mock.calls.map(([, { decision }]) => decision)).toEqual(['approve', 'deny']);
  });

  it('fills in no reason that was not sent: it may be that of the opposite decision', async () => {
    const { root, press, type } = await page('list', broker(approval()).api);
    await press('Deny…');
    await type('Looks like phishing, not agreed.');
    await press('Cancel');
    await press('Approve…');
    expect(root.querySelector('textarea')?.value).toBe('');
  });

  it('fills in no reason of a failed approval when the person denies', async () => {
    const { api } = broker(approval());
    const { root, press, send } = await page('list', { ...api, decide: () => Promise.reject(slow) });
    await press('Approve…');
    await send('Agreed with the customer.');
    await press('Cancel');
    await press('Deny…');
    expect(root.querySelector('textarea')?.value).toBe('');
  });

  it('says so if a decision fails whose dialog was closed meanwhile, and still has its reason', async () => {
    const { api } = broker(approval());
    let fail: (failure: ApiFailure) => void = () => undefined;
    const decide: Api['decide'] = () => new Promise((_, reject) => (fail = reject));
    const { root, press, send } = await page('list', { ...api, decide });
    await press('Approve…');
    await send('Agreed with the customer.');
    await press('Cancel');
    expect(root.querySelector('dialog')).toBeNull();
    fail(slow);
    await settle();
    // The broker may have decided although its answer did not arrive.
    expect(root.querySelector('.toast.bad')?.textContent).toContain(
      `The decision on ${approval().title} was not confirmed. The broker is slow. No.`,
    );
    await press('Review…');
    expect(root.querySelector('dialog h2')?.textContent).toMatch(/^Approve “PATCH /);
    expect(root.querySelector('textarea')?.value).toBe('Agreed with the customer.');
  });

  it.each([
    ['a decision that failed', 'Review…', async () => Promise.reject(slow)],
    ['what was approved', 'Revoke…', async () => approval({ status: 'approved', possibleDecisions: ['revoke'] })],
  ])('leads to %s also from a view without it', async (_, label, decide) => {
    let go: () => void = () => undefined;
    const gone = new Promise<void>((resolve) => (go = resolve));
    location.hash = '#/approvals';
    const { api } = broker(approval());
    const { root, press, send } = await page('address', { ...api, decide: () => gone.then(decide) });
    await press('Approve…');
    await send('Agreed with the customer.');
    await press('Cancel');
    await act(() => goTo('#/jobs'));
    go();
    await settle();
    await press(label);
    expect(location.hash).toBe(`#/approvals/${approval().id}`);
    await press('Approve…');
    expect(root.querySelector('textarea')?.value).toBe(label === 'Review…' ? 'Agreed with the customer.' : '');
  });

  it('says that a decision failed until that is dismissed: a dialog may be open over it, and decide on another request', async () => {
    const [one, two] = [approval(), approval({ id: 'second', title: 'DELETE /v1.0/users/0a1b at graph in Contoso' })];
    let fail: (failure: ApiFailure) => void = () => undefined;
    const { root, button, press, send } = await page('list', {
      approvals: async () => ({ approvals: [one, two] }),
      approval: async (id) => (id === two.id ? two : one),
      decide: (id) => (id === two.id ? Promise.resolve(two) : new Promise((_, reject) => (fail = reject))),
    });
    await press('Approve…');
    await send('Agreed with the customer.');
    await press('Cancel');
    await press('Deny… DELETE');
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    await act(async () => fail(slow));
    await act(async () => void (await vi.advanceTimersByTimeAsync(60_000)));
    vi.useRealTimers();
    await send('The ticket is closed already.');
    expect([...root.querySelectorAll('.toast')].map(({ className }) => className)).toEqual(['toast bad', 'toast good']);
    await act(() => root.querySelector<HTMLElement>('.toast.bad [aria-label=Dismiss]')?.click());
    expect(root.querySelectorAll('.toast.bad')).toHaveLength(0);
    expect(button('Review…')).toBeUndefined();
  });

  it('closes no dialog of another request when a decision is answered late', async () => {
    const [one, two] = [approval(), approval({ id: 'second', title: 'DELETE /v1.0/users/0a1b at graph in Contoso' })];
    let answer: (approval: ApprovalAnswer) => void = () => undefined;
    const { root, press, send } = await page('list', {
      approvals: async () => ({ approvals: [one, two] }),
      approval: async (id) => (id === two.id ? two : one),
      decide: () => new Promise((resolve) => (answer = resolve)),
    });
    await press('Approve…');
    await send('Agreed with the customer.');
    await press('Cancel');
    await press('Deny… DELETE');
    await send('too short');
    answer({ ...one, status: 'approved', possibleDecisions: [] });
    await settle();
    expect(root.querySelector('.toast')?.textContent).toContain('You have approved it: PATCH');
    expect(root.querySelector('dialog h2')?.textContent).toMatch(/^Deny “DELETE /);
    expect(root.querySelector('textarea')?.value).toBe('too short');
  });

  it('lets a person who may only deny do so from the dialog of an approval, and says why', async () => {
    const { api } = broker(
      approval({ possibleDecisions: ['deny', 'revoke'], from: ['Approvals.Decide', 'Audit.Read'] }),
    );
    const { root, press } = await page('overview', { ...api, health: () => new Promise(() => undefined) });
    await press('Review');
    expect(root.querySelector('dialog')?.textContent).toContain('Deciding needs the app role Audit.Read');
    expect(root.querySelector('dialog')?.textContent).not.toContain('not possible any more');
    await press('Deny instead…');
    expect(root.querySelector('dialog h2')?.textContent).toMatch(/^Deny “PATCH /);
    expect(document.activeElement).toBe(root.querySelector('textarea'));
    expect(root.querySelector('dialog button[type=submit]')?.textContent).toBe('Deny the request');
  });

  it('approves with a reason after the person has read what it does, and the entry leaves the list', async () => {
    const { api } = broker(approval());
    const { root, press, send } = await page('list', api);
    await press('Approve…');
    expect(root.querySelector('dialog h2')?.textContent).toBe(`Approve “${approval().title}”?`);
    expect(root.querySelector('dialog')?.textContent).toContain('{ "accountEnabled": false }');
    expect(root.querySelector('.consequence')?.textContent).toBe(
      'The approval is then valid for one use within 30 minutes.',
    );
    await send('too short');
    expect(root.querySelector('.problem')?.textContent).toBe('Write at least 10 characters.');
    expect(api.decide).not.toHaveBeenCalled();
    await send(' Agreed with the customer. ');
    expect(api.decide).toHaveBeenCalledWith(approval().id, {
      decision: 'approve',
      reason: 'Agreed with the customer.',
    });
    expect(root.querySelector('dialog')).toBeNull();
    expect(root.querySelector('.empty b')?.textContent).toBe('Nothing waits for a decision.');
    expect(root.querySelector('nav .count')).toBeNull();
    expect(document.activeElement?.textContent).toBe('Nothing waits for a decision');
    expect(root.querySelector('.toast')?.textContent).toContain(
      'You have approved it: PATCH /v1.0/users/0a1b at graph in Contoso.',
    );
    // What was allowed can be taken back where it was decided.
    await press('Revoke…');
    expect(root.querySelector('dialog h2')?.textContent).toBe(`Revoke “${approval().title}”?`);
  });

  it('explains a decision that came too late, shows the present state, and offers no other try', async () => {
    const stage = broker(approval());
    const { root, press, send, button } = await page('list', {
      ...stage.api,
      decide: async () => {
        stage.become({ status: 'denied', possibleDecisions: [] });
        throw new ApiFailure({
          code: 'approval_conflict',
          title: 'This decision is not possible any more',
          detail: 'It was denied. The caller can ask again.',
          advice: 'Look.',
          transient: false,
        });
      },
    });
    await press('Approve…');
    await send('Agreed with the customer.');
    expect(root.querySelector('.approval')).toBeNull();
    const alert = root.querySelector('dialog [role=alert]')?.textContent ?? '';
    expect(alert).toContain('It was denied. The caller can ask again.');
    expect(alert).toContain('The request is now shown as it is: denied.');
    expect(root.querySelector('dialog button[type=submit]')).toBeNull();
    expect(button('Close')).toBeDefined();
  });

  it('says to the asker why there is no button, and asks nothing about deciding without the role', async () => {
    const { api } = broker(approval({ asker: party(me, 'me'), possibleDecisions: [] }));
    const { root, button } = await page('list', api, ['Tokens.Request']);
    expect(root.querySelector('.approval')?.textContent).toContain('You asked for it yourself');
    expect(button('Approve')).toBeUndefined();
    expect(root.querySelector('nav .count')).toBeNull();
  });

  it('needs a role', async () => {
    const { root } = await page('list', {}, ['Audit.Read']);
    expect(root.textContent).toContain('lacks the app role Approvals.Decide');
  });
});

it.each([
  ['GET /v1.0/users at graph', 'Reads users'],
  ['POST /v1.0/users at graph', 'Creates one user'],
  ['GET /beta/servicePrincipals at graph', 'Reads service principals'],
  [`GET /v1.0/servicePrincipals/${other} at graph`, 'Reads one service principal'],
  [`PATCH /v1.0/groups/${other} at graph`, 'Changes one group'],
  ['DELETE /v1.0/users/alice@contoso.example at graph', 'Deletes one user'],
])('the request %s is called "%s"', (request, words) => {
  expect(titleInWords(approval({ title: `${request} in Contoso` }))).toBe(`${words} in Contoso`);
});

it.each([
  // They read all users.
  'GET /v1.0/users/delta at graph',
  'GET /v1.0/users/delta() at graph',
  'GET /v1.0/users/$count at graph',
  `GET /v1.0/users/${other}/messages at graph`,
  `GET /v1.0/users/${other}/$value at graph`,
  `GET /v1.0/groups/${other}/transitiveMembers/microsoft.graph.user at graph`,
  // They end a membership.
  `DELETE /v1.0/groups/${other}/members/$ref at graph`,
  `DELETE /v1.0/directoryRoles/${other}/members/$ref at graph`,
  `POST /v1.0/users/${other}/revokeSignInSessions at graph`,
  // A key could also be the name of a function.
  'GET /v1.0/users/0a1b at graph',
  'GET /v1.0/teams/getAllMessages at graph',
  'GET /v1.0/auditEvents/getAuditCategories at graph',
  'PATCH /v1.0/admin/sharepoint/settings at graph',
  'DELETE /v1.0/users at graph',
  `POST /v1.0/users/${other} at graph`,
  `PUT /v1.0/users/${other} at graph`,
  'POST /v1.0/$batch at graph',
  // A name that somebody chose.
  'DELETE /subscriptions/1/resourceGroups/users at arm',
  'DELETE /secrets/users at vault',
  'GET /v1.0/users at vault',
  `GET /v1/customers/1/users/${other} at partner-center`,
])('the request %s keeps its own title', (request) => {
  const title = `${request} in Contoso`;
  expect(titleInWords(approval({ title }))).toBe(title);
});

describe('a request that is called by words', () => {
  const line = `DELETE /v1.0/users/${me} at graph (https://graph.microsoft.com)`;
  const named = approval({
    title: `DELETE /v1.0/users/${me} at graph in Contoso`,
    facts: [
      { name: 'Resource', value: 'graph (https://graph.microsoft.com)' },
      { name: 'Request', value: `DELETE /v1.0/users/${me}` },
    ],
  });

  it.each([
    // There, nobody decides before the dialog has shown them.
    ['overview', '.ask', undefined],
    ['list', '.ask', line],
    ['one', '.head', line],
  ] as const)(
    'has method, path and resource beside them where it is decided, seen in the %s',
    async (view, place, beside) => {
      const { api } = broker(named);
      const { root } = await page(view, { ...api, health: () => new Promise(() => undefined) });
      expect(root.querySelector(`${place} :is(b, h1, h2)`)?.textContent).toBe('Deletes one user in Contoso');
      expect(root.querySelector(`${place} .request`)?.textContent).toBe(beside);
    },
  );

  it('has them in the dialog in which it is decided', async () => {
    const { root, press } = await page('list', broker(named).api);
    await press('Approve…');
    expect(root.querySelector('dialog h2')?.textContent).toBe('Approve “Deletes one user in Contoso”?');
    expect(root.querySelector('dialog .patch pre')?.textContent).toBe(`DELETE /v1.0/users/${me}`);
    expect(root.querySelector('dialog dl')?.textContent).toContain('graph (https://graph.microsoft.com)');
  });

  it('and one that keeps its own title has them there alone, in the list', async () => {
    const { root } = await page('list', broker(approval()).api);
    expect(root.querySelector('.approval h2')?.textContent).toBe(approval().title);
    expect(root.querySelector('.approval .request')).toBeNull();
  });
});

it.each([
  [['Tenants.Read'], 'Contoso, Group pilot, Everyone else'],
  // Whoever may not see the tenants has the id.
  [[], `${other}, Group pilot, Everyone else`],
])('says which tenant an apply begins with to a decider with the further roles %j', async (roles, words) => {
  const facts = [{ name: 'Waves', value: `${other}, group:pilot, 100%` }];
  const tenants = async () => ({ tenants: [{ tenantId: other, name: 'Contoso' }] }) as never;
  const { api } = broker(approval({ kind: 'change', facts }));
  const { root } = await page('one', { ...api, tenants }, [...decider, ...roles]);
  expect(root.querySelector('.panel dl dd')?.textContent).toBe(words);
});

describe('the page of an approval', () => {
  const why = async (more: Partial<ApprovalAnswer>, roles?: readonly string[]): Promise<string> => {
    const { api } = broker(approval(more));
    const { root } = await page('one', api, roles);
    return root.querySelector('.note')?.textContent ?? '';
  };

  it('says why a person cannot approve', async () => {
    const none = { possibleDecisions: [] };
    expect(await why({})).toMatch(/^It waits for you0 of 1 approval given, expires .*Deny….*Approve…/);
    await cleanUp();
    expect(await why({ ...none, asker: party(me, 'me') })).toMatch(/^You asked for it yourself/);
    await cleanUp();
    const asker = { ...party(me, 'agent x for me'), kind: 'agent', blueprint: 'b-1', actsFor: me } as const;
    expect(await why({ ...none, asker })).toMatch(/^An agent asked for it on your behalf/);
    expect(document.querySelector('.panel dl')?.textContent).toMatch(
      /^After approvalvalid for one use within 30 minutes$/,
    );
    expect(document.querySelector('.timeline')?.textContent).toContain('agent x for me asked. No reason given.');
    const [, support] = document.querySelectorAll('.panel dl');
    expect(support?.textContent).toContain(`Application id ${other}, object id ${me}, blueprint b-1`);
    await cleanUp();
    expect(await why({ ...none, from: ['Approvals.Decide', 'Audit.Read'] })).toMatch(/needs the app role Audit.Read/);
    await cleanUp();
    const mine = { decision: 'approve' as const, decider: party(me, 'me'), reason: 'Fine.', at: approval().askedAt };
    expect(await why({ possibleDecisions: ['revoke'], decisions: [mine] })).toMatch(/^You have approved it/);
    await cleanUp();
    expect(await why({ possibleDecisions: ['deny', 'revoke'] })).toMatch(/another application/);
    await cleanUp();
    expect(await why(none)).toMatch(/^An application cannot decide/);
  });

  it('is drawn without a reader, in the page of parts', async () => {
    const asker = party(other, 'ada@partner.example');
    const { root, unmount } = await rendered(<ApprovalFacts approval={approval({ asker })} />);
    cleanUp = unmount;
    expect(root.textContent).toContain('ada@partner.example');
  });

  it('shows the whole request and all by which people decide, and folds hashes and ids of support', async () => {
    const path = `/v1.0/users/${'a'.repeat(1_900)}/last`;
    const facts = [
      { name: 'Tenant', value: 'Contoso (…0001) (00000000-0000-4000-8000-000000000009)' },
      { name: 'Resource', value: 'graph (https://graph.microsoft.com)' },
      { name: 'Request', value: `PATCH ${path}` },
      { name: "The broker's application", value: 'reader' },
      { name: 'SHA-256 of the body', value: 'e'.repeat(64) },
      { name: 'A fact of a newer broker', value: 'shown' },
    ];
    const { root } = await page('one', broker(approval({ facts })).api);
    const [shown, folded] = [...root.querySelectorAll('.panel dl')].map((list) =>
      [...list.querySelectorAll('dt')].map(({ textContent }) => textContent),
    );
    // It wraps: a line would be cut.
    expect([...root.querySelectorAll('.panel .patch pre')].map(({ textContent }) => textContent)).toEqual([
      `PATCH ${path}`,
      '{ "accountEnabled": false }',
    ]);
    // The history has who asked, and why.
    expect(shown).toEqual([
      'Tenant',
      'Resource',
      "The broker's application",
      'A fact of a newer broker',
      'After approval',
    ]);
    // The customer chooses its name.
    expect(root.querySelector('.panel dl')?.textContent).toContain(facts[0]?.value);
    expect(folded).toEqual([
      'Rule',
      'Approval id',
      'Tenant id',
      'Deciders need',
      'SHA-256 of the body',
      'Asker',
      'SHA-256 of what is approved',
      'Correlation id',
    ]);
  });

  it('warns of a plan before its differences, and leads to the plan', async () => {
    const facts = [
      { name: 'Plan', value: 'fix@1' },
      { name: 'Takes back', value: 'the apply x. This weakens security.' },
      { name: 'Digest', value: 'f'.repeat(64) },
      { name: 'Cannot be undone', value: '0' },
      { name: 'Not shown here', value: '3 groups. Read the plan before you decide.' },
    ];
    const details = [{ name: 'Set x in 3 tenants', value: '+ x' }];
    const { root } = await page('one', broker(approval({ kind: 'change', facts, details })).api);
    const text = root.querySelector('.panel')?.textContent ?? '';
    expect(text).toMatch(/Show the plan.*weakens security.*Read the plan.*Set x in 3 tenants.*Digestf/s);
    expect(root.querySelector('.panel dl a')?.getAttribute('href')).toBe('#/plans/fix%401');
    // Nobody decides by a zero.
    expect(root.querySelector('.panel dl')?.textContent).not.toContain('Cannot be undone');
  });

  it.each([
    ['used', [], ['Runs.Read'], 1],
    ['used', [], [], 0],
    ['pending', [{ name: 'Set x in 3 tenants', value: '+ x' }], ['Runs.Read'], 0],
  ] as const)(
    'that is %s, with differences %j, for the roles %j: reads the plan %d times',
    async (status, details, roles, times) => {
      const facts = [{ name: 'Plan', value: 'fix@1' }];
      const group = {
        action: 'update',
        target: '/policies/p',
        before: null,
        after: '{"a":1}',
        undo: 'yes',
        tenants: 3,
      };
      const plan = vi.fn<Api['plan']>(
        async () => ({ planId: 'fix@1', groups: [group], changes: 3, irreversible: 0, more: false }) as never,
      );
      const { api } = broker(approval({ kind: 'change', status, facts, details: [...details] }));
      const { root } = await page('one', { ...api, plan, rows: async () => ({ rows: [] }) }, [...roles, ...decider]);
      expect(plan).toHaveBeenCalledTimes(times);
      expect(root.textContent.includes('update /policies/p')).toBe(times === 1);
    },
  );

  it('that is used by an apply says how far it is, until it has ended', async () => {
    const facts = [{ name: 'Plan', value: 'fix@1' }];
    const group = { action: 'update', target: '/p', before: null, after: '{"a":1}', undo: 'yes', tenants: 3 };
    const tenants = { total: 3, succeeded: 1, failed: 0, skipped: 0 };
    const gates = [
      { wave: 1, at: '2026-11-24T05:04:00.000Z', by: 'Olivia', held: '1 failed.', reason: 'Known there.' },
    ];
    let apply: object = { approvalId: approval().id, status: 'running', tenants, wave: 1, waves: [3], gates };
    const plan = vi.fn<Api['plan']>(async () => {
      const more = { groups: [group], changes: 3, changedTenants: 3, irreversible: 0, tenants, apply };
      return { planId: 'fix@1', status: 'completed', ...more } as never;
    });
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    onTestFinished(() => void vi.useRealTimers());
    const pass = (ms: number) =>
      act(async () => {
        await vi.advanceTimersByTimeAsync(ms);
      });
    const use = { at: '2026-11-24T05:02:00.000Z', answered: true };
    const { api } = broker(approval({ kind: 'change', status: 'used', facts, details: [], use }));
    const methods = { ...api, plan, rows: async () => ({ rows: [] }) } as Partial<Api>;
    const { root, unmount } = await rendered(signedIn(methods, views.one(), ['Runs.Read', ...decider], me));
    cleanUp = unmount;
    await pass(10);
    const told = () => root.querySelector('.timeline')?.textContent;
    const steps = [...root.querySelectorAll('.timeline li')].slice(-3);
    // What is so now did not happen when the approval was used.
    expect(steps.map((step) => [step.querySelector('time')?.dateTime, step.textContent])).toEqual([
      [use.at, expect.stringMatching(/^24 Nov, \d\d:02 The apply began\.$/)],
      [gates[0]?.at, expect.stringMatching(/:04 Olivia let wave 1 go on after a hold\. 1 failed\.Known there\.$/)],
      [undefined, 'Wave 1 of 1: 1 of 3 tenants done.'],
    ]);
    apply = { ...apply, status: 'completed', outcomes: { applied: 3 } };
    await pass(6_000);
    expect(told()).toContain('The apply ended.');
    expect(root.querySelector('.lede')?.textContent).toBe('3 of 3 changes applied');
    const calls = plan.mock.calls.length;
    await pass(60_000);
    expect(plan).toHaveBeenCalledTimes(calls);
    // What another approval led to is not told of this one.
    apply = { ...apply, approvalId: 'another' };
    await unmount();
    const other = await rendered(signedIn(methods, views.one(), ['Runs.Read', ...decider], me));
    cleanUp = other.unmount;
    await pass(10);
    expect(other.root.querySelector('.timeline')?.textContent).toContain('It was sent and answered.');
  });

  it.each([
    ['reads the plan again if it closed just before the apply was there', 0],
    ['waits no longer for an apply that did not come', 600_000],
  ])('%s', async (_, sinceMs) => {
    const use = { at: new Date(Date.now() - sinceMs).toISOString(), answered: true };
    const facts = [{ name: 'Plan', value: 'fix@1' }];
    const plan = vi.fn<Api['plan']>(async () => ({ planId: 'fix@1', groups: [], changes: 0 }) as never);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    onTestFinished(() => void vi.useRealTimers());
    const { api } = broker(approval({ kind: 'change', status: 'used', facts, details: [], use }));
    const { unmount } = await rendered(signedIn({ ...api, plan }, views.one(), ['Runs.Read', ...decider], me));
    cleanUp = unmount;
    const pass = (ms: number) =>
      act(async () => {
        await vi.advanceTimersByTimeAsync(ms);
      });
    await pass(10);
    const calls = plan.mock.calls.length;
    await pass(6_000);
    expect(plan.mock.calls.length > calls).toBe(sinceMs === 0);
  });

  it('tells steps of one minute apart by their seconds', async () => {
    const at = '2026-11-24T05:00:41.000Z';
    const made = { decision: 'deny' as const, decider: party(me, 'Ada'), reason: 'Not agreed.', at };
    const { api } = broker(approval({ status: 'denied', possibleDecisions: [], decisions: [made], closedAt: at }));
    const { root } = await page('one', api);
    expect([...root.querySelectorAll('.timeline li > time')].map(({ textContent }) => textContent)).toEqual([
      expect.stringMatching(/:00:00$/),
      expect.stringMatching(/:00:41$/),
    ]);
  });

  it('shows its history, the oldest first, and offers to revoke', async () => {
    const made = {
      decision: 'approve' as const,
      decider: party(me, 'Ada'),
      reason: 'Agreed with the customer.',
      at: '2026-11-24T05:01:00.000Z',
    };
    const { api } = broker(
      approval({
        status: 'approved',
        possibleDecisions: ['revoke'],
        decisions: [made],
        approvedAt: made.at,
        validUntil: '2026-11-24T05:31:00.000Z',
      }),
    );
    const { root, button } = await page('one', api, [...decider, 'Audit.Read']);
    const lines = [...root.querySelectorAll('.timeline li')].map(({ textContent }) => textContent);
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(/Helpdesk.* asked\./);
    expect(lines[1]).toMatch(
      /Ada.* approved it\.Agreed with the customer\.It can be used once, until 24 Nov, \d\d:31\./,
    );
    expect([button('Approve'), button('Deny'), button('Revoke…')?.textContent]).toEqual([
      undefined,
      undefined,
      'Revoke… PATCH /v1.0/users/0a1b at graph in Contoso',
    ]);
    const links = [...root.querySelectorAll('a')].map((link) => link.getAttribute('href'));
    expect(links).toContain('#/audit?approval=20261124t050000-7f3a9c21');
  });

  it('does not say that it can be used once it was', async () => {
    const at = '2026-11-24T05:01:00.000Z';
    const decisions = [{ decision: 'approve' as const, decider: party(me, 'Ada'), reason: 'Agreed.', at }];
    const more = { decisions, approvedAt: at, validUntil: '2026-11-24T05:31:00.000Z' };
    const use = { at: '2026-11-24T05:02:00.000Z', answered: true };
    const { root } = await page('one', broker(approval({ status: 'used', possibleDecisions: [], use, ...more })).api);
    expect(root.querySelector('.timeline')?.textContent).not.toContain('can be used');
  });

  it('offers to revoke what is being sent, and says that no answer is known', async () => {
    const use = { at: '2026-11-24T05:02:00.000Z', answered: false };
    const { root, press } = await page(
      'one',
      broker(approval({ status: 'used', possibleDecisions: ['revoke'], use })).api,
    );
    expect(root.querySelector('.note')?.textContent).toMatch(/^It is being sentanswer unknown, sent .*Revoke…/);
    await press('Revoke…');
    expect(root.querySelector('dialog header')?.textContent).toContain('answer unknown, sent ');
  });

  it.each([
    [true, 'It was sent and answered.'],
    [false, 'the change may have been made or not.'],
  ])('says of a change that was sent whether an answer is known (%s)', async (answered, expected) => {
    const use = { at: '2026-11-24T05:02:00.000Z', answered };
    const { root } = await page('one', broker(approval({ status: 'used', possibleDecisions: [], use })).api);
    expect(root.querySelector('.timeline')?.textContent).toContain(expected);
    expect(root.textContent?.includes('no answer is known')).toBe(!answered);
    expect(root.querySelector('.about .badge')?.textContent).toBe('approved and used');
  });
});

it('keeps the filter of the list in the address', () => {
  expect(approvalsLink({})).toBe('#/approvals');
  for (const filter of [{}, { show: 'valid' }, { show: 'closed', mine: 'true' }] as const)
    expect(parseApprovalsFilter(approvalsLink(filter).split('?')[1] ?? '')).toEqual(filter);
  expect(parseApprovalsFilter('show=other&mine=false')).toEqual({});
});
