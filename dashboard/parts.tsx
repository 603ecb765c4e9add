import { render } from 'preact';
import { useState } from 'preact/hooks';
import type { ApprovalAnswer } from '../src/lib/api/answers/approvals.ts';
import { ToastCard } from './app/announcer.tsx';
import { ApprovalFacts } from './app/approval-facts.tsx';
import { CauseRow } from './app/causes.tsx';
import { type Bar, CountsBar, FailureBars, Flow, Marks, Spark } from './app/charts.tsx';
import { Choice, Search, Segments } from './app/choice.tsx';
import { Command } from './app/copy.tsx';
import { Dialog } from './app/dialog.tsx';
import { Face, Icon } from './app/icon.tsx';
import { Badge, Empty, Fact, Head, Loading, Panel, Table, ToneBadge } from './app/pieces.tsx';
import type { Cause } from '../src/lib/api/trouble.ts';
import { RowGroup, VirtualRows } from './app/virtual-rows.tsx';
import { Notice } from './shared/text.tsx';

/*
 * Every part in each state, in development and for the pictures that CI compares. A new view is made of these parts.
 */

const nothing = (): void => undefined;
const longName = `${'Very '.repeat(30)}Long Name & <b>Sons</b> شركة الأمل 🏔️`;
const nights = (values: readonly (number | undefined)[]): Bar[] =>
  values.map((value, index) => ({ key: String(index), title: `night ${index + 1}: ${value ?? 'no run'}`, value }));
const tenant = (name: string): Cause['tenants'][number] => ({ tenant: { tenantId: name, name } as never, results: [] });
const cause = (name: string, tone: Cause['tone'], names: readonly string[]): Cause => ({
  cause: name,
  tone,
  tenants: names.map(tenant),
});
const approval = {
  kind: 'request',
  status: 'pending',
  reason: 'The customer reports an incident, ticket 4711.',
  asker: { name: 'application helpdesk-portal (7f3a9c21…)', kind: 'application' },
  facts: [
    { name: 'Request', value: `PATCH /v1.0/users/${'a'.repeat(120)}/authentication/methods` },
    { name: 'Tenant', value: 'Alder Accountants (bf35686f-69c1-4f6a-afcf-ea0f231e5734)' },
  ],
  details: [{ name: 'Body', value: '{ "accountEnabled": false }' }],
  from: [],
  validMinutes: 30,
  servedOnce: true,
} as unknown as ApprovalAnswer;
const rows = [
  new RowGroup(
    'a',
    <>
      <span class="n">2</span>
      <b>GDAP relationship expired</b>
    </>,
  ),
  { id: 'Ashford Instruments', rows: 12 },
  { id: longName, rows: 1_234_567 },
];

function Parts() {
  const [text, setText] = useState('');
  const shown = location.hash.slice(1);
  return (
    <main id="content" class="page">
      <Head title="Parts" lede="Each part once, with its states. A new view is made of these and of nothing else." />
      <div class="parts-page">
        <Panel title="Buttons">
          <div class="actions">
            <button type="button" class="primary">
              <Icon name="play" /> Run a job…
            </button>
            <button type="button">
              <Icon name="download" /> Download
            </button>
            <button type="button" class="stop">
              Stop now
            </button>
            <button type="button" class="bare">
              Cancel
            </button>
            <button type="button" disabled>
              Resume
            </button>
            <button type="button" class="s">
              Small
            </button>
            <a href="#parts">A link</a>
          </div>
        </Panel>
        <Panel title="Badges" more={<span class="small">a sign and a word</span>}>
          <div class="actions">
            {(['good', 'bad', 'warn', 'idle', 'active'] as const).map((tone) => (
              <ToneBadge key={tone} tone={tone}>
                {tone}
              </ToneBadge>
            ))}
            <Badge state="denied" />
            <span class="tag">gold</span>
            <Face name="olivia.operator@x" />
            <Face name="portal" icon="api" />
          </div>
        </Panel>
        <Panel title="Filter">
          <div class="filters">
            <Search value={text} placeholder="Name, domain or id" onInput={setText} />
            <Segments
              label="Show"
              value=""
              options={[
                ['', 'All', 5_000],
                ['bad', 'Need you', 30],
              ]}
              onChoose={nothing}
            />
            <Choice label="Group" value="" options={['gold']} onChoose={nothing} />
            <Choice label="Tag" value="gold" options={['gold']} onChoose={nothing} />
            <label class="check">
              <input type="checkbox" /> Only mine
            </label>
          </div>
        </Panel>
        <Panel title="Notices">
          <Notice kind="bad" actions={<button type="button">Try now</button>}>
            <strong>The broker does not answer.</strong>
            <p>The page shows what it had at 09:38:00. It tries again at 09:40:12.</p>
          </Notice>
          <Notice kind="warn">The client secret expires within 9 days.</Notice>
          <Notice kind="you">Wave 2 is done. Wave 3 has 150 tenants and starts when you say so.</Notice>
          <Notice kind="plain">The token has no app role of the broker.</Notice>
        </Panel>
        <Panel title="Causes" bare>
          <CauseRow
            cause={cause('consent_required', 'bad', ['Ashford Instruments', longName])}
            jobs={undefined}
            trendOf={() => undefined}
            isOpen
          />
          <CauseRow
            cause={cause('gdap_pending', 'warn', ['Cedar Timber'])}
            jobs={undefined}
            trendOf={() => undefined}
            isOpen={false}
          />
        </Panel>
        <Panel title="Nothing" bare>
          <Empty title="Nothing waits for a decision">Requests come here when a rule needs a second person.</Empty>
        </Panel>
        <Panel title="While it loads" bare>
          <Loading />
        </Panel>
        <Panel title="Nights">
          <FailureBars
            bars={nights([25, 28, 26, 0, undefined, 29, 53, 51, 40, 29])}
            label="Failures in ten nights"
            ends={['21 Nov', 'last night']}
          />
          <FailureBars
            bars={nights([...Array.from({ length: 13 }, () => undefined), 1])}
            label="One night"
            ends={['17 Nov', 'last night']}
          />
        </Panel>
        <Panel title="Small charts">
          <Spark values={[3, 3, 4, 2, 2, 5, 8]} label="rises" />
          <Spark values={[9, 8, 8, 7, 4]} label="falls" />
          <Marks label="nights" tones={['good', 'good', 'idle', 'bad', 'warn', 'bad']} />
          <CountsBar counts={{ total: 20, succeeded: 14, failed: 3, skipped: 2, notAttempted: 1 }} />
          <Flow values={[0, 2, 6, 8, 7, 8, 3, 0, 2, 1]} label="finished per second" ends={['05:00:00', '05:01:12']} />
        </Panel>
        <Panel title="Timeline">
          <ol class="timeline">
            {(['bad', 'warn', 'good', 'idle', 'active', 'next'] as const).map((tone) => (
              <li key={tone} class={tone}>
                <time>27 Nov, 04:30</time> A point that is {tone}
              </li>
            ))}
          </ol>
        </Panel>
        <Panel title="Facts and a command">
          <dl>
            <Fact name="Kind">GDAP</Fact>
            <Fact name="Tenant id">
              <code>bf35686f-69c1-4f6a-afcf-ea0f231e5734</code>
            </Fact>
            <Fact name="Name">{longName}</Fact>
          </dl>
          <Command text={`ptb tenants consent --tenant ${'a'.repeat(80)}.onmicrosoft.com`} />
        </Panel>
        <Panel title="List" bare>
          <ul class="list">
            <li>
              <a href="#parts">Stone Labels</a>
              <span>6 Dec in 6 days</span>
            </li>
            <li class="ask">
              <div>
                <b>helpdesk-portal reads users</b>
                <div class="small">Alder Accountants · expires in 23 hours</div>
              </div>
              <button type="button" class="s">
                Review
              </button>
            </li>
          </ul>
          <footer>
            <a href="#parts">All 17</a>
          </footer>
        </Panel>
        <Panel title="Table" bare>
          <Table
            items={[
              ['Ashford Instruments', 'ok', 'succeeded', '1,482'],
              [longName, 'failed', 'No consent for the application', '0'],
            ]}
            keyOf={([name = '']) => name}
            columns={[
              ['Tenant', undefined, ([name]) => (name === longName ? name : <a href="#parts">{name}</a>)],
              ['Outcome', 'w-m', ([, state = '', text]) => <Badge state={state}>{text}</Badge>],
              ['Rows', 'w-s end', ([, , , rows]) => rows],
            ]}
          />
        </Panel>
        <Panel title="Grid">
          <VirtualRows<{ id: string; rows: number }>
            label="Grid"
            items={rows}
            keyOf={({ id }) => id}
            sort={{ column: 'id', descending: false }}
            onSort={nothing}
            onOpen={nothing}
            openKey="Ashford Instruments"
            columns={[
              { id: 'id', title: 'Tenant', width: 12, sortable: true, cell: ({ id }) => id },
              { id: 'rows', title: 'Rows', width: 6, align: 'end', cell: ({ rows: n }) => n.toLocaleString('en') },
            ]}
          />
        </Panel>
        <Panel title="Toast">
          <ToastCard
            toast={{ text: 'You have approved it. It holds until 10:40.', action: { label: 'Revoke…', run: nothing } }}
            onClose={nothing}
          />
        </Panel>
      </div>
      {shown === 'dialog' || shown === 'drawer' ? (
        <Dialog
          title={shown === 'dialog' ? 'Let helpdesk-portal read the users of Alder Accountants?' : longName}
          about="Asked at 09:40. Expires in 23 hours."
          {...(shown === 'drawer' ? { kind: 'drawer' as const } : {})}
          onClose={nothing}
          form={{ onSubmit: nothing, send: 'Approve', busy: false }}
          actions={
            <button type="button" class="stop">
              Deny instead…
            </button>
          }
        >
          <ApprovalFacts approval={approval} />
          <p class="consequence">The approval is then valid for one use within 30 minutes.</p>
          <label for="reason">Reason, which the asker and auditors read</label>
          <textarea id="reason" rows={2} aria-invalid="true" />
          <p class="problem">Write at least 10 characters.</p>
        </Dialog>
      ) : null}
    </main>
  );
}

const page = document.querySelector('#page');
if (page !== null) {
  page.replaceChildren();
  render(<Parts />, page);
}
