import { Fragment } from 'preact';
import { useContext } from 'preact/hooks';
import type { Api } from './api.ts';
import {
  factIn,
  isOwn,
  PartyName,
  Person,
  RequestLine,
  servedWords,
  shortName,
  Standing,
  StatusBadge,
  titleInWords,
} from './approval-facts.tsx';
import { type ApprovalList, type ApprovalSummary, readApprovals, WaitingContext } from './waiting.tsx';
import { type ApprovalsFilter, approvalsLink } from './view-filter.ts';
import { useRole, useSignedIn } from './context.ts';
import { DecisionButtons, useDeciding } from './decision-buttons.tsx';
import { count, relative } from './format.ts';
import { type Column, Empty, Fact, Head, Loaded, Panel, Table, Time } from './pieces.tsx';
import { forRole } from './role-needed.tsx';
import { usePolling } from './polling.ts';
import { approvalLink, replaceAddress } from './route.ts';
import { Check } from './choice.tsx';

const intervalMs = 15_000;

interface FilterProps {
  readonly filter: ApprovalsFilter;
}

export const ApprovalsView = forRole(
  ['Approvals.Decide', 'Tokens.Request', 'Requests.Send'],
  'Approvals',
  ({ filter }: FilterProps) => <Approvals key={approvalsLink(filter)} filter={filter} />,
);

const parts: readonly (readonly [ApprovalsFilter['show'], string])[] = [
  [undefined, 'Waiting'],
  ['valid', 'Approved and valid'],
  ['closed', 'Closed'],
];

function Approvals({ filter }: FilterProps) {
  const mayDecide = useRole('Approvals.Decide');
  const polled = useApprovals(filter);
  const counts = useCounts(filter);
  const { begin, dialog } = useDeciding(() => {
    polled.reload();
    counts.reload();
  });
  const waiting = useContext(WaitingContext);
  const decided = filter.show === undefined ? (counts.value ?? []) : [];
  const lately = decided
    .flatMap((list) => list?.approvals ?? [])
    .toSorted((one, other) => decidedAt(other).localeCompare(decidedAt(one)))
    .slice(0, latelyShown);
  return (
    <>
      <Head
        title={headline(polled.value, filter, waiting?.requests.length)}
        name="Approvals"
        lede={
          mayDecide
            ? 'A rule of the policy requires that other people approve these requests.'
            : 'Your requests, on which others decide. To decide yourself, you need the app role Approvals.Decide.'
        }
      />
      <div class="filters">
        <nav class="seg" aria-label="Parts of the approvals">
          {parts.map(([show, title], at) => (
            <a
              key={title}
              href={approvalsLink({ ...filter, show })}
              aria-current={show === filter.show ? 'page' : undefined}
            >
              {title} <span>{countText(show === filter.show ? polled.value : counts.value?.[at])}</span>
            </a>
          ))}
        </nav>
        {mayDecide ? (
          <Check
            label="Only what I asked for"
            checked={filter.mine === 'true'}
            onChange={(checked) => replaceAddress(approvalsLink({ ...filter, mine: checked ? 'true' : '' }))}
          />
        ) : null}
      </div>
      <div class={lately.length > 0 ? 'cols' : undefined}>
        <div class="stack">
          <Loaded polled={polled}>{(list) => <List list={list} filter={filter} onDecide={begin} />}</Loaded>
        </div>
        {lately.length > 0 ? <Lately approvals={lately} /> : null}
      </div>
      {dialog}
    </>
  );
}

/** How much waits, and for whom. */
function headline(list: ApprovalList | undefined, { show }: ApprovalsFilter, mine: number | undefined): string {
  if (list === undefined) return 'Approvals';
  const { length } = list.approvals;
  const all = length === 0 ? 'Nothing' : count(length, 'request');
  if (show === 'valid') return `${all} approved and valid`;
  if (show === 'closed') return `${all} closed`;
  if (length === 0) return 'Nothing waits for a decision';
  const yours = mine === undefined ? '' : mine === length ? ' for you' : `, ${mine === 0 ? 'none' : mine} for you`;
  return `${all} ${length === 1 ? 'waits' : 'wait'}${yours}`;
}

/** The parts that are not shown, for their counts: as much as one page has. */
const useCounts = (filter: ApprovalsFilter) =>
  usePolling(
    (api) =>
      Promise.all(
        parts.map(async ([show]) => (show === filter.show ? undefined : readApprovals(api, { ...filter, show }, 1))),
      ),
    `parts but ${approvalsLink(filter)}`,
    intervalMs,
  );

const countText = (list: ApprovalList | undefined): string =>
  list === undefined ? '' : `${list.approvals.length}${list.isAll ? '' : '+'}`;

/** What waits is read for the navigation as well. */
function useApprovals(filter: ApprovalsFilter) {
  const waiting = useContext(WaitingContext);
  const isKnown = waiting !== undefined && filter.show === undefined && filter.mine === undefined;
  const load = async (api: Api): Promise<ApprovalList | undefined> =>
    isKnown ? undefined : readApprovals(api, filter);
  const own = usePolling(load, approvalsLink(filter), isKnown ? undefined : intervalMs);
  return isKnown ? waiting.polled : own;
}

const emptyTexts = {
  waiting: 'Nothing waits for a decision.',
  valid: 'No approval is valid at the moment.',
  closed: 'No approval has been closed yet.',
} as const;

type OnDecide = Parameters<typeof DecisionButtons>[0]['onDecide'];

function List(props: FilterProps & { readonly list: ApprovalList; readonly onDecide: OnDecide }) {
  const { list, filter, onDecide } = props;
  const { approvals, isAll } = list;
  if (approvals.length === 0)
    return (
      <Empty title={isAll ? emptyTexts[filter.show ?? 'waiting'] : 'None of the newest entries.'}>
        Requests appear here when a rule requires a second person.
      </Empty>
    );
  return (
    <>
      <p class="visually-hidden" role="status">
        {isAll ? count(approvals.length, 'request') : `The newest ${count(approvals.length, 'request')}`}
      </p>
      {filter.show === 'closed' ? (
        <div class="panel">
          <Table items={approvals} keyOf={({ id }) => id} columns={closedColumns} />
        </div>
      ) : (
        <ul class="panel list asks">
          {approvals.map((approval) => (
            <Item key={approval.id} approval={approval} onDecide={onDecide} />
          ))}
        </ul>
      )}
    </>
  );
}

/** One request: what, by whom, since when and why, what an approval does, and the decisions that the person may make, or how it stands. */
function Item({ approval, onDecide }: { readonly approval: ApprovalSummary; readonly onDecide: OnDecide }) {
  const { id, status, asker, askedAt, reason, rule } = approval;
  return (
    <li class="ask approval">
      <div>
        <h2>
          <a href={approvalLink(id)}>{titleInWords(approval)}</a>
        </h2>
        <RequestLine approval={approval} />
        <dl>
          <Fact name="Why">{reason ?? <span class="quiet">no reason given</span>}</Fact>
          <Fact name="Permissions">{factIn(approval, 'Permissions')}</Fact>
          <Fact name="After approval">{status === 'pending' ? servedWords(approval) : undefined}</Fact>
          <Fact name="Asked by">
            <PartyName party={asker} />, <Time iso={askedAt} short />, {relative(askedAt)}
          </Fact>
        </dl>
        <div class="about">
          {status === 'pending' ? null : <StatusBadge approval={approval} />}
          <Standing approval={approval} />
          <span>rule “{rule}”</span>
        </div>
        <WhoDecides approval={approval} />
      </div>
      <DecisionButtons approval={approval} onDecide={onDecide} />
    </li>
  );
}

/** Nothing is left to do about these: what it was, why, and what became of it. */
const closedColumns: readonly Column<ApprovalSummary>[] = [
  [
    'Request',
    'w-c wrap',
    (approval) => (
      <>
        <a href={approvalLink(approval.id)}>{titleInWords(approval)}</a>
        <div class="small quiet">
          <PartyName party={approval.asker} />, <Time iso={approval.askedAt} short />
        </div>
        <div class="sub">
          <StatusBadge approval={approval} />
        </div>
      </>
    ),
  ],
  ['Why', 'wrap p2', ({ reason }) => reason ?? <span class="quiet">no reason given</span>],
  ['Decided', 'w-l wrap p2', (approval) => <Decided approval={approval} />],
  ['State', 'w-l wrap p2', (approval) => <StatusBadge approval={approval} />],
];

/** Who decided, and when. If it expired before, nobody. */
const Decided = ({ approval }: { readonly approval: ApprovalSummary }) => (
  <>
    {approval.deciders.map(({ name }) => (
      <Fragment key={name}>
        <Person name={shortName(name, 'person')} />,{' '}
      </Fragment>
    ))}
    <Time iso={decidedAt(approval)} short />
  </>
);

/** Beside what waits: whoever decides sees what became of the like. */
const latelyShown = 5;

const decidedAt = ({ approvedAt, closedAt, askedAt }: ApprovalSummary): string => approvedAt ?? closedAt ?? askedAt;

function Lately({ approvals }: { readonly approvals: readonly ApprovalSummary[] }) {
  return (
    <Panel title="Lately" more={<a href={approvalsLink({ show: 'closed' })}>All closed</a>} bare>
      <ul class="list lately">
        {approvals.map((approval) => (
          <li key={approval.id}>
            <div>
              <a href={approvalLink(approval.id)}>{titleInWords(approval)}</a>
              <div class="small quiet">
                <Decided approval={approval} />
              </div>
            </div>
            <StatusBadge approval={approval} />
          </li>
        ))}
      </ul>
    </Panel>
  );
}

/** Why there is no button, if that is known here. The page of the approval says the rest. */
function WhoDecides({ approval }: { readonly approval: ApprovalSummary }) {
  const { session } = useSignedIn();
  const { id, status, possibleDecisions } = approval;
  if (status !== 'pending' || possibleDecisions.includes('approve')) return null;
  return isOwn(approval, session) ? (
    <p class="quiet">You asked for it yourself, so another person must decide.</p>
  ) : (
    <p class="quiet">
      You cannot approve it. <a href={approvalLink(id)}>Why?</a>
    </p>
  );
}
