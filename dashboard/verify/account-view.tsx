import { type ComponentChildren, createContext } from 'preact';
import { useContext, useMemo, useState } from 'preact/hooks';
import {
  type Account,
  activities,
  type Activity,
  applicationOf,
  type BusinessHours,
  dataRead,
  type Happening,
  hasLeft,
  isChanging,
  isOutside,
  isRefused,
  isTried,
  keyOf,
  type Party,
  requestText,
  resultOf,
  subjectOf,
  summaryOf,
} from './account.ts';
import { differenceOf, objectName } from '../../src/lib/changes/difference.ts';
import { visibleText } from '../../src/lib/core/text.ts';
import type { Checked } from './check.ts';
import { type LogProps, SignInsPanel } from './sign-ins-view.tsx';
import { counted, dayOf, SearchField, Some, When, zone } from './parts.tsx';
import { isConsent } from './words.ts';

/** What the records say, in the order in which an owner of a tenant asks. What nothing signs stands apart, at the end. */
export function AccountView({ verdict, account, unproven, tokens, log, onLog }: Checked & LogProps) {
  return (
    <>
      {account.happenings.length === 0 ? (
        <Nothing verdict={verdict} />
      ) : (
        <Proven account={account} withheld={verdict.withheld} />
      )}
      <Unproven account={unproven} />
      <SignInsPanel tokens={tokens} verdict={verdict} log={log} onLog={onLog} />
      <NotProven />
    </>
  );
}

/** An account without a record that can be read. */
function Nothing({ verdict: { withheld, header } }: Pick<Checked, 'verdict'>) {
  return (
    <section class="panel">
      <div class="empty">
        {withheld === 0 ? (
          <>
            <b>No access is recorded</b>
            <p>
              Your partner’s service has no signed record about the tenant <code>{header?.tenant}</code> in the proven
              time. If that is your tenant, nobody used this service to reach it then.
            </p>
          </>
        ) : (
          <>
            <b>This page cannot say what was done</b>
            <p>
              All {counted(withheld, 'record')} of the time {withheld === 1 ? 'is' : 'are'} withheld: something was done
              or tried, and the file does not show what. Ask your partner.
            </p>
          </>
        )}
      </div>
    </section>
  );
}

/** The records that the proof is about. */
function Proven({ account, withheld }: { readonly account: Account; readonly withheld: number }) {
  const [hours, setHours] = useState<BusinessHours>({ from: 7, to: 19, zone: 'local' });
  const { happenings } = account;
  const found = useMemo(() => {
    const people = happenings.filter(({ who }) => who.kind === 'person');
    return {
      changes: happenings.filter(isChanging),
      tried: happenings.filter(isTried),
      emergencies: happenings.filter((one) => one.isEmergency && one.kind !== 'approval'),
      refused: happenings.filter(isRefused),
      data: dataRead(happenings),
      people: activities(people, ({ who }) => who),
      applications: activities(happenings, applicationOf),
      byPeople: people,
    };
  }, [happenings]);
  const outside = useMemo(
    () => found.byPeople.filter(({ atMs, kind }) => kind !== 'approval' && isOutside(atMs, hours)),
    [found, hours],
  );
  const approvals = useMemo(() => [...account.approvals.values()], [account]);
  const given = approvals.filter(({ steps }) => steps.some(({ outcome }) => outcome === 'approved')).length;
  return (
    <Hidden.Provider value={withheld}>
      <Glance
        items={[
          ['changes', found.changes.length, 'change'],
          ...(found.tried.length === 0
            ? []
            : [['tried', found.tried.length, 'change that failed', 'changes that failed'] as const]),
          ['approvals', given, 'approval given', 'approvals given'],
          ['emergencies', found.emergencies.length, 'emergency', 'emergencies'],
          ['outside', outside.length, 'access outside business hours', 'accesses outside business hours'],
          ['people', found.people.length, 'person', 'people'],
          ['refused', found.refused.length, 'refusal'],
          ...(withheld === 0 ? [] : [['withheld', withheld, 'record withheld', 'records withheld'] as const]),
        ]}
      />
      <p class="small zone">
        Times are in {zone}. Rules and reasons are your partner’s words, and nobody signs names: rely on the id beside
        each.
        {account.left === 0
          ? ''
          : ` The file has ${account.left.toLocaleString('en')} more entries than this page lists; they are proven and not shown.`}
      </p>
      {withheld === 0 ? null : (
        <section class="panel" id="withheld" aria-labelledby="withheld-title">
          <header>
            <h2 id="withheld-title">Withheld</h2>
            <span class="quiet">{withheld.toLocaleString('en')}</span>
          </header>
          <div class="pad">
            <p>
              The proof counts {counted(withheld, 'record')} that the file shows as a hash alone. Each list below may
              lack them. Ask your partner what they are.
            </p>
          </div>
        </section>
      )}
      <Panel id="changes" title="What was changed" count={found.changes.length}>
        <Some items={found.changes} noun="change">
          {(shown) => (
            <ol class="cards">
              {shown.map((one, at) => (
                <Change key={at} one={one} account={account} />
              ))}
            </ol>
          )}
        </Some>
      </Panel>
      {found.tried.length === 0 ? null : (
        <Panel id="tried" title="Changes that failed" count={found.tried.length} about="None of them changed anything.">
          <Lines items={found.tried} noun="line" account={account} withReason />
        </Panel>
      )}
      <Panel
        id="approvals"
        title="Approvals"
        count={approvals.length}
        words={`${given.toLocaleString('en')} of ${approvals.length.toLocaleString('en')} given`}
      >
        <Some items={approvals} noun="approval">
          {(shown) => (
            <ol class="cards">
              {shown.map(({ id, steps }) => (
                <li key={id}>
                  <h3>{steps[0] === undefined ? '' : subjectOf(steps[0], account.named)}</h3>
                  <ul class="steps">
                    {steps.map((step, at) => (
                      <li key={at}>
                        <When ms={step.atMs} /> <b>{stepWord(step.outcome)}</b> by <Who who={step.who} />
                        {step.reason === undefined ? null : <Reason text={step.reason} />}
                      </li>
                    ))}
                  </ul>
                </li>
              ))}
            </ol>
          )}
        </Some>
      </Panel>
      <Panel
        id="emergencies"
        title="Emergencies"
        count={found.emergencies.length}
        about="Access that a rule for emergencies opened at once, without an approval."
      >
        <Lines items={found.emergencies} noun="emergency access" account={account} withReason />
      </Panel>
      <Panel
        id="outside"
        title="Outside business hours"
        count={outside.length}
        about="Access by people. Scheduled jobs run at night."
      >
        <Hours hours={hours} onHours={setHours} />
        <Lines items={outside} noun="access" account={account} withReason />
      </Panel>
      <Panel id="data" title="What kinds of data were read" count={found.data.length}>
        <table class="plain">
          <thead>
            <tr>
              <th scope="col">Data</th>
              <th scope="col" class="number">
                Requests
              </th>
              <th scope="col" class="number">
                Tokens
              </th>
              <th scope="col">By</th>
            </tr>
          </thead>
          <tbody>
            {found.data.map(({ data, requests, tokens: issued, parties }) => (
              <tr key={data}>
                <th scope="row">{data}</th>
                <td class="number" data-title="Requests">
                  {requests.toLocaleString('en')}
                </td>
                <td class="number" data-title="Tokens">
                  {issued.toLocaleString('en')}
                </td>
                <td data-title="By">
                  <Parties parties={[...parties.values()]} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
        <p class="quiet">
          A request is what your partner’s service sent to Microsoft. A token lets its holder read such data for about
          an hour; what it did with it is in Microsoft’s logs of your tenant, not here.
        </p>
      </Panel>
      <Activities
        id="people"
        title="By person"
        list={found.people}
        nobody="No person is named: only applications and jobs."
      />
      <Activities id="applications" title="By application" list={found.applications} nobody="None." />
      <Panel
        id="refused"
        title="What your partner’s own rules refused"
        count={found.refused.length}
        about="None of this reached your tenant. Refusals beyond a limit a minute are not recorded, nor those that named no tenant that the service knows."
      >
        <Lines items={found.refused} noun="refusal" account={account} />
      </Panel>
      <Timeline account={account} />
    </Hidden.Provider>
  );
}

/** What nothing signs. None of it is in another list, because anybody can have added it. */
function Unproven({ account }: { readonly account: Account }) {
  const total = account.happenings.length + account.left;
  if (total === 0) return null;
  return (
    <section class="panel unproven" id="unproven" aria-labelledby="unproven-title">
      <header>
        <h2 id="unproven-title">Not proven</h2>
        <span class="warn-text">{total.toLocaleString('en')}</span>
      </header>
      <div class="pad">
        <p>
          <b>Nothing signs these entries: whoever had the file can have added or changed them.</b> No figure and no list
          above has them. Those that are true are proven in an extract that your partner makes later.
        </p>
        <Lines items={account.happenings} noun="line" account={account} withReason withValues />
      </div>
    </section>
  );
}

type Figure = readonly [id: string, value: number, one: string, many?: string];

function Glance({ items }: { readonly items: readonly Figure[] }) {
  return (
    <nav class="glance" aria-label="At a glance">
      {items.map(([id, value, one, many]) => (
        <a key={id} href={`#${id}`}>
          <b>{value.toLocaleString('en')}</b> {value === 1 ? one : (many ?? `${one}s`)}
        </a>
      ))}
    </nav>
  );
}

interface PanelProps {
  readonly id: string;
  readonly title: string;
  readonly count: number;
  /** In the place of the count. */
  readonly words?: string;
  readonly about?: string;
  readonly children: ComponentChildren;
}

/** How many records are withheld. */
const Hidden = createContext(0);

/** A part of the account. An empty one says so in a word: that there is nothing is a finding, too. */
function Panel({ id, title, count, words, about, children }: PanelProps) {
  const none = useContext(Hidden) === 0 ? 'none' : 'none that is shown';
  return (
    <section class="panel" id={id} aria-labelledby={`${id}-title`}>
      <header>
        <h2 id={`${id}-title`}>{title}</h2>
        <span class="quiet">{count === 0 ? none : (words ?? count.toLocaleString('en'))}</span>
      </header>
      {count === 0 && id !== 'outside' ? null : (
        <div class="pad">
          {about === undefined ? null : <p class="quiet">{about}</p>}
          {children}
        </div>
      )}
    </section>
  );
}

const Reason = ({ text }: { readonly text: string }) => (
  <>
    {' '}
    <q dir="auto">{text}</q>
  </>
);

const Named = ({ text }: { readonly text: string }) => <bdi>{text}</bdi>;

/** A name, and the id behind it: nobody signs names. */
const NameAndId = ({ party: { id, name, kind } }: { readonly party: Omit<Party, 'through'> }) => (
  <>
    <Named text={name} />
    {kind === 'job' || name === id ? null : (
      <>
        {' '}
        <code class="id">{id}</code>
      </>
    )}
  </>
);

/** A person, with the application that it used, or an application. */
const Who = ({ who }: { readonly who: Party }) => (
  <>
    <NameAndId party={who} />
    {who.through === undefined ? null : (
      <span class="quiet">
        {' '}
        with <NameAndId party={applicationOf({ who })} />
      </span>
    )}
  </>
);

const stepWords: Readonly<Record<string, string>> = {
  asked: 'asked for',
  approved: 'approved',
  denied: 'declined',
  revoked: 'taken back',
  used: 'used',
  expired: 'expired',
  ended: 'ended',
  failed: 'not in force: the decision failed',
};
const stepWord = (outcome: string): string => stepWords[outcome] ?? outcome;

const Result = ({ one }: { readonly one: Happening }) => {
  // What was issued, and a step of an approval, says so itself.
  if (one.kind === 'approval' || one.outcome === 'issued') return null;
  const [tone, words] = resultOf(one);
  return <span class={`result ${tone}`}>{words}</span>;
};

/** One change: what, when, who, why, with whose approval, and what became of it. */
function Change({ one, account }: { readonly one: Happening; readonly account: Account }) {
  const approval = one.approvalId === undefined ? undefined : account.approvals.get(one.approvalId);
  const approved = approval?.steps.filter(({ outcome }) => outcome === 'approved') ?? [];
  const reason = one.reason ?? approval?.steps.find(({ outcome, reason: text }) => outcome === 'asked' && text)?.reason;
  return (
    <li class={one.isEmergency ? 'emergency' : undefined}>
      <h3>
        <Named text={summaryOf(one, account.named)} />
      </h3>
      <dl>
        <dt>When</dt>
        <dd>
          <When ms={one.atMs} />
        </dd>
        <dt>Who</dt>
        <dd>
          <Who who={one.who} />
        </dd>
        <dt>Why</dt>
        <dd>{reason === undefined ? <span class="quiet">No reason is recorded.</span> : <q dir="auto">{reason}</q>}</dd>
        <dt>Approved by</dt>
        <dd>
          {approved.length > 0 ? (
            approved.map((step, at) => (
              <div key={at}>
                <Who who={step.who} />, <When ms={step.atMs} />
                {step.reason === undefined ? null : <Reason text={step.reason} />}
              </div>
            ))
          ) : one.isEmergency ? (
            <b>Nobody: it was declared an emergency.</b>
          ) : one.approvalId !== undefined ? (
            <span>
              The approval <code>{one.approvalId}</code>, whose decision is not among the proven records that this file
              shows. Ask your partner.
            </span>
          ) : (
            <span class="quiet">
              Nobody:{' '}
              {one.rule === undefined ? 'no rule is named' : <>the rule “{<Named text={one.rule} />}” asks for none</>}.
            </span>
          )}
        </dd>
        <dt>Result</dt>
        <dd>
          <Result one={one} />
        </dd>
        {isConsent(one) ? (
          <>
            <dt>Permissions</dt>
            <dd>
              <Named text={one.scopes.join(' ')} />
            </dd>
          </>
        ) : null}
        <BeforeAfter one={one} account={account} />
        <dt>Request</dt>
        <dd>
          <code>{one.kind === 'tags' ? `no request to your tenant ${requestText(one)}`.trim() : requestText(one)}</code>
        </dd>
      </dl>
    </li>
  );
}

const withoutValues = {
  gone: 'The file lacks the values: it says that the plan was purged or deleted since. Nobody signs that.',
  changed: 'The file lacks the values: it says that they were changed or deleted in storage since. Nobody signs that.',
  withheld: 'The file lacks the values: it says that your partner withholds them. Nobody signs that.',
  'too many': 'The file has more values than this page can show.',
} as const;

interface OneOf {
  readonly one: Happening;
  readonly account: Account;
}

/** The values of a change of a plan. They are as proven as the record that names them. */
function Values({ one, account }: OneOf) {
  const values = account.valuesOf(one);
  if (values === undefined || typeof values === 'string')
    return values === undefined ? null : <span class="quiet">{withoutValues[values]}</span>;
  const { target, before, after } = values;
  const name = objectName(before, after);
  const differences = differenceOf(before, after);
  return (
    <>
      <code>{visibleText(target)}</code>
      {name === undefined || target.includes(name) ? null : (
        <>
          {' '}
          “<Named text={visibleText(name)} />”
        </>
      )}
      {differences.length === 0 ? null : (
        <table class="plain values">
          <thead>
            <tr>
              <th scope="col">Property</th>
              <th scope="col">Before</th>
              <th scope="col">After</th>
            </tr>
          </thead>
          <tbody>
            {differences.map(({ place, lost, gained, isList }) => (
              <tr key={place}>
                <th scope="row">
                  <Named text={visibleText(place)} />
                </th>
                <td data-title="Before">
                  <Texts texts={lost} none={isList ? 'without these' : 'not there'} />
                </td>
                <td data-title="After">
                  <Texts texts={gained} none={isList ? 'without these' : 'not there'} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </>
  );
}

/** @param none stands for no value. */
const Texts = ({ texts, none }: { readonly texts: readonly string[]; readonly none: string }) =>
  texts.length === 0 ? (
    <span class="quiet">{none}</span>
  ) : (
    <>
      {texts.map((text, at) => (
        <span key={at}>
          {at === 0 ? null : <br />}
          <bdi>{visibleText(text)}</bdi>
        </span>
      ))}
    </>
  );

/** Records hold the values of tags, a digest of those of plans, and of what else is sent to Microsoft the names alone. */
function BeforeAfter({ one, account }: OneOf) {
  const { kind, added, removed, bodyNames, plan } = one;
  if (kind === 'tags')
    return (
      <>
        <dt>Before</dt>
        <dd>{removed.length === 0 ? 'without what was added' : `with ${removed.join(', ')}`}</dd>
        <dt>After</dt>
        <dd>
          {[
            added.length === 0 ? '' : `with ${added.join(', ')}`,
            removed.length === 0 ? '' : `without ${removed.join(', ')}`,
          ]
            .filter((text) => text !== '')
            .join(', ')}
        </dd>
      </>
    );
  if (account.valuesOf(one) !== undefined)
    return (
      <>
        <dt>Before and after</dt>
        <dd>
          <Values one={one} account={account} />
          {typeof account.valuesOf(one) === 'object' ? (
            <span class="quiet">Proven with the record, which has the hash of these values.</span>
          ) : null}
        </dd>
      </>
    );
  if (bodyNames === undefined && plan === undefined) return null;
  return (
    <>
      <dt>What was set</dt>
      <dd>
        {bodyNames === undefined ? null : <code>{bodyNames.split(' ').join(', ')}</code>}{' '}
        <span class="quiet">
          The record holds names, not values. Values that are no secret are in Microsoft’s directory audit log of your
          tenant{plan === undefined ? '.' : ', and in your partner’s plan '}
          {plan === undefined ? null : <code>{plan}</code>}
        </span>
      </dd>
    </>
  );
}

interface LinesProps {
  readonly items: readonly Happening[];
  readonly noun: string;
  readonly account: Account;
  readonly withReason?: boolean;
  readonly withValues?: boolean;
}

/** A line for each happening, under the day on which it was. */
function Lines({ items, noun, account, withReason = false, withValues = false }: LinesProps) {
  return (
    <Some items={items} noun={noun}>
      {(shown) => (
        <div class="lines">
          {[...Map.groupBy(shown, ({ atMs }) => dayOf(atMs))].map(([title, some]) => (
            <div key={title}>
              <h3>{title}</h3>
              <ul>
                {some.map((one, at) => (
                  <li key={at}>
                    <When ms={one.atMs} short />
                    <div>
                      <Named text={summaryOf(one, account.named)} /> by <Who who={one.who} /> <Result one={one} />
                      {withReason && one.reason !== undefined ? <Reason text={one.reason} /> : null}
                      {requestText(one) === '' ? null : <code class="sub">{requestText(one)}</code>}
                      {withValues ? <Values one={one} account={account} /> : null}
                    </div>
                  </li>
                ))}
              </ul>
            </div>
          ))}
        </div>
      )}
    </Some>
  );
}

function Hours({
  hours,
  onHours,
}: {
  readonly hours: BusinessHours;
  readonly onHours: (hours: BusinessHours) => void;
}) {
  const field = (name: 'from' | 'to', label: string, least: number, most: number) => (
    <label class="hour">
      {label}
      <input
        type="number"
        min={least}
        max={most}
        value={hours[name]}
        onInput={(event) => {
          const value = event.currentTarget.valueAsNumber;
          if (value >= least && value <= most) onHours({ ...hours, [name]: value });
        }}
      />
    </label>
  );
  return (
    <div class="hours">
      <span>Business hours: Monday to Friday</span>
      {field('from', 'from', 0, 23)}
      {field('to', 'to', 1, 24)}
      <label class="hour">
        in
        <select
          value={hours.zone}
          onChange={(event) => onHours({ ...hours, zone: event.currentTarget.value === 'utc' ? 'utc' : 'local' })}
        >
          <option value="local">{zone}</option>
          <option value="utc">UTC</option>
        </select>
      </label>
    </div>
  );
}

interface ActivitiesProps {
  readonly id: string;
  readonly title: string;
  readonly list: readonly Activity[];
  readonly nobody: string;
}

function Activities({ id, title, list, nobody }: ActivitiesProps) {
  const columns = ['Tokens', 'Reads', 'Changes', 'Decisions', 'Refused'] as const;
  return (
    <Panel id={id} title={title} count={list.length} about={list.length === 0 ? nobody : ''}>
      <Some items={list} noun="row">
        {(shown) => (
          <table class="plain">
            <thead>
              <tr>
                <th scope="col">Name</th>
                {columns.map((column) => (
                  <th scope="col" class="number" key={column}>
                    {column}
                  </th>
                ))}
                <th scope="col">First and last</th>
              </tr>
            </thead>
            <tbody>
              {shown.map(({ party, tokens, reads, changes, decisions, refused, firstMs, lastMs }) => (
                <tr key={keyOf(party)}>
                  <th scope="row">
                    <NameAndId party={party} />
                  </th>
                  {[tokens, reads, changes, decisions, refused].map((value, at) => (
                    <td class="number" key={columns[at]} data-title={columns[at]}>
                      {value.toLocaleString('en')}
                    </td>
                  ))}
                  <td data-title="First and last">
                    <When ms={firstMs} /> – <When ms={lastMs} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </Some>
    </Panel>
  );
}

const kinds = ['everything', 'changes', 'requests', 'tokens', 'approvals'] as const;
type Kind = (typeof kinds)[number];
const fits: Readonly<Record<Kind, (one: Happening) => boolean>> = {
  everything: () => true,
  changes: (one) => isChanging(one) || isTried(one),
  requests: hasLeft,
  tokens: ({ kind }) => kind === 'token',
  approvals: ({ kind }) => kind === 'approval',
};

/** Everything in order, with a search. */
function Timeline({ account }: { readonly account: Account }) {
  const [kind, setKind] = useState<Kind>('everything');
  const [text, setText] = useState('');
  const items = useMemo(() => {
    const wanted = text.trim().toLowerCase();
    const texts = ({ who, path, reason, rule, cmdlet, scopes }: Happening): string =>
      [who.name, who.id, who.through?.name, who.through?.id, path, reason, rule, cmdlet, scopes.join(' ')]
        .join(' ')
        .toLowerCase();
    return account.happenings.filter((one) => fits[kind](one) && (wanted === '' || texts(one).includes(wanted)));
  }, [account, kind, text]);
  return (
    <section class="panel" id="timeline" aria-labelledby="timeline-title">
      <header>
        <h2 id="timeline-title">Timeline</h2>
        <span class="quiet" role="status">
          {counted(items.length, 'entry').replace('entrys', 'entries')}
        </span>
      </header>
      <div class="pad">
        <div class="filters">
          <SearchField of="timeline" placeholder="name, path, reason or rule" value={text} onText={setText} />
          <label class="chip">
            Show
            <select value={kind} onChange={(event) => setKind(event.currentTarget.value as Kind)}>
              {kinds.map((each) => (
                <option key={each}>{each}</option>
              ))}
            </select>
          </label>
        </div>
        <Lines key={`${kind} ${text}`} items={items} noun="line" account={account} withReason />
      </div>
    </section>
  );
}

/** The first two of them. */
const Parties = ({ parties }: { readonly parties: readonly Party[] }) => (
  <>
    {parties.slice(0, 2).map((party, at) => (
      <span key={keyOf(party)}>
        {at === 0 ? '' : ', '}
        <NameAndId party={party} />
      </span>
    ))}
    {parties.length > 2 ? `, ${parties.length - 2} more` : ''}
  </>
);

const NotProven = () => (
  <section class="panel" aria-labelledby="limits">
    <header>
      <h2 id="limits">What no proof gives</h2>
    </header>
    <div class="pad">
      <ul class="bullets">
        <li>
          That a record was true when it was written. Whoever controls your partner’s service could make it write false
          ones.
        </li>
        <li>
          Access to your tenant without your partner’s service, such as with another account. Your own sign-in log shows
          it: compare it above.
        </li>
        <li>The newest minutes, which nobody has signed yet. The verdict names the time.</li>
        <li>That you were shown the same history as others, unless you compare the published checkpoints.</li>
      </ul>
    </div>
  </section>
);
