import type { ComponentChildren } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import type { ReplayAnswer } from '../../src/lib/api/answers/policy.ts';
import { useAction } from './action.tsx';
import type { ApiFailure } from './api-failure.ts';
import { type Names, useNames } from './audit-table.tsx';
import { readPeriod, Refused } from './audit-period.tsx';
import { GroupHead } from './causes.tsx';
import { Choice } from './choice.tsx';
import { useSignedIn } from './context.ts';
import { Dialog, DialogButton } from './dialog.tsx';
import { count, numbersKept } from './format.ts';
import { Icon } from './icon.tsx';
import {
  type Column,
  Empty,
  Fact,
  Failure,
  Head,
  Loaded,
  namesShown,
  Panel,
  Some,
  Table,
  Time,
  ToneBadge,
} from './pieces.tsx';
import { usePolling } from './polling.ts';
import { forRole } from './role-needed.tsx';
import { isGuid } from './result-columns.ts';
import { TagList } from './tenant-columns.tsx';
import { capitalized, listed } from '../../src/lib/core/text.ts';
import { auditLink } from './view-filter.ts';
import { useNarrow } from './virtual-rows.tsx';

export const PolicyView = forRole(['Audit.Read'], 'Policy', Policy);

type Use = NonNullable<ReplayAnswer['use']>;
type Rule = Use['rules'][number];
type Group = ReplayAnswer['groups'][number];

const periods = ['7', '30', '90'];
const sinceOf = (days: string): string => new Date(Date.now() - Number(days) * 86_400_000).toISOString();

/** What is used of the policy in force, and what another one would have decided. */
function Policy() {
  const [days, setDays] = useState('7');
  const polled = usePolling((api) => api.replay({ since: sinceOf(days) }), `policy ${days}`);
  return (
    <>
      <Head
        title={headline(polled.value)}
        name="Policy"
        lede={
          polled.value && (
            <>
              <Read answer={polled.value} />
              {unusedText(polled.value)}
            </>
          )
        }
      >
        <DialogButton dialog={(onClose) => <TryPolicy days={days} onClose={onClose} />}>
          Try another policy…
        </DialogButton>
        <Choice
          label="Period"
          value={days}
          options={periods}
          textOf={(option) => `${option} days`}
          onChoose={setDays}
          all={false}
        />
      </Head>
      <Loaded polled={polled}>
        {(answer) =>
          answer.use === undefined ? (
            <>
              <Empty title="The policy limits what you may read.">
                <p>What is used of it would be a guess: others may have used what you do not see.</p>
              </Empty>
              <Refusals answer={answer} />
            </>
          ) : (
            <InForce use={answer.use}>
              <Refusals answer={answer} />
            </InForce>
          )
        }
      </Loaded>
    </>
  );
}

/** What the partner's own tenant has is worth more than a customer. */
const opensPartner = ({ allows }: Rule): boolean => allows?.partner === true;

const opensEverything = ({ allows }: Rule): boolean => allows?.everything === true;

const isUnused = ({ lastAt }: Rule): boolean => lastAt === undefined;

/** How many rules open too much, or else how many nobody used. */
function headline({ use }: Partial<ReplayAnswer> = {}): string {
  if (use === undefined) return 'Policy';
  const { rules } = use;
  const of = (isOne: (rule: Rule) => boolean, one: string, many: string): readonly string[] => {
    const { length } = rules.filter(isOne);
    return length === 0 ? [] : [`${length.toLocaleString('en')} ${length === 1 ? one : many}`];
  };
  const wide = [
    ...of(opensEverything, 'opens everything', 'open everything'),
    ...of(opensPartner, 'opens the partner tenant', 'open the partner tenant'),
  ];
  const found = wide.length > 0 ? wide : of(isUnused, 'was not used', 'were not used');
  const all = count(rules.length, 'rule');
  return numbersKept(found.length === 0 ? `${all}, each was used` : found.join(', ').replace(/\S+/, `$& of ${all}`));
}

/** How many rules nobody used, if the title does not say it. */
function unusedText({ use }: ReplayAnswer): string {
  const { rules = [] } = use ?? {};
  const { length } = rules.filter(isUnused);
  if (length === 0 || !rules.some((rule) => opensEverything(rule) || opensPartner(rule))) return '';
  return ` ${count(length, 'rule')} ${length === 1 ? 'was' : 'were'} not used.`;
}

/** How much the policy refused, to whom most often and last. */
const Refusals = ({ answer }: ReadProps) =>
  answer.use !== undefined && refusalsIn(answer) === 0 ? null : <RefusalsRead answer={answer} />;

function RefusalsRead({ answer }: ReadProps) {
  const { readFrom, period, use } = answer;
  const filter = refusedIn(readFrom, period);
  const read = usePolling((api) => readPeriod(api, filter, { from: readFrom, to: period.to }), auditLink(filter)).value;
  const names = useNames(use?.callerNames ?? read?.callerNames);
  // Without use, only those that the person may read are known.
  const refused = use === undefined ? (read?.all.byPolicy ?? 0) : refusalsIn(answer);
  return refused === 0 ? null : (
    <Panel title="Refused by the policy" bare>
      <ul class="list">
        <li>
          <div>
            <b>{count(refused, 'refusal')}</b>
            <div class="small quiet">
              <Refused period={read} names={names} />
            </div>
          </div>
          <a href={auditLink(filter)}>Show in the audit log</a>
        </li>
      </ul>
    </Panel>
  );
}

const refusedIn = (from: string, { to }: ReplayAnswer['period']) => ({ outcome: 'policy', from, to }) as const;

/** What was served and what no rule allows any more is not counted by rules either. */
function refusalsIn({ judged, refusedByBoth, use }: ReplayAnswer): number {
  const byRules = use?.rules.reduce((sum, { records }) => sum + records, 0) ?? judged;
  return Math.max(0, judged - byRules - refusedByBoth);
}

interface ReadProps {
  readonly answer: ReplayAnswer;
}

/** What a result rests on. */
function Read({ answer }: ReadProps) {
  const { readFrom, period, judged, refusedByBoth, unknown, others } = answer;
  const open = Object.values(unknown).reduce((sum, records) => sum + records, 0);
  const refused = refusalsIn(answer);
  return (
    <>
      From <Time iso={readFrom} /> to <Time iso={period.to} />: {count(judged, 'decision')} by the policy
      {refused === 0 ? '' : `, ${count(refused, 'refusal')}`}.
      {refusedByBoth === 0 ? '' : ` No rule would allow ${count(refusedByBoth, 'decision')} now.`}
      {open === 0 ? '' : ` ${count(open, 'record')} could not be judged.`}
      {others === 0 ? '' : ` ${count(others, 'record')} of other tenants are not shown.`}
      {readFrom === period.from ? '' : ' Older records were not read: there are too many, or it took too long.'}
    </>
  );
}

/** Judges what was recorded by a policy that is pasted or chosen as a file. */
function TryPolicy({ days, onClose }: { readonly days: string; readonly onClose: () => void }) {
  const { api } = useSignedIn();
  const [text, setText] = useState('');
  const [answer, setAnswer] = useState<ReplayAnswer>();
  const [failure, setFailure] = useState<ApiFailure>();
  const { busy, run } = useAction(setFailure);
  const change = (next: string): void => {
    setText(next);
    setAnswer(undefined);
    setFailure(undefined);
  };
  const submit = (event: Event): void => {
    event.preventDefault();
    if (text.trim() !== '')
      void run(async () => {
        setAnswer(undefined);
        setAnswer(await api.replay({ policy: text, since: sinceOf(days) }));
      });
  };
  return (
    <Dialog
      title="Try another policy"
      kind="wide"
      onClose={onClose}
      form={{
        onSubmit: submit,
        send: 'Show what it would decide otherwise',
        busy: busy || text.trim() === '',
        cancel: 'Close',
      }}
    >
      <p class="quiet">Judges what was recorded in the period by the rules of another file. Nothing is stored.</p>
      <div class="try-policy">
        <label for="policy-file">Policy file</label>
        <input
          id="policy-file"
          type="file"
          accept=".json,application/json"
          onChange={(event) => void event.currentTarget.files?.[0]?.text().then(change)}
        />
        <label for="policy-text">Or its text</label>
        <textarea
          id="policy-text"
          rows={6}
          placeholder='{ "version": 1, "rules": [] }'
          spellcheck={false}
          autoComplete="off"
          value={text}
          onInput={(event) => change(event.currentTarget.value)}
        />
      </div>
      <p role="status">{busy ? 'Judging the records…' : answer === undefined ? '' : summary(answer)}</p>
      <Failure failure={failure} />
      {answer === undefined ? null : <Differences answer={answer} />}
    </Dialog>
  );
}

const changeWords = {
  refused: ['bad', 'refused'],
  allowed: ['warn', 'allowed'],
  approval: ['warn', 'needs approval'],
  rule: ['idle', 'another rule'],
} as const;

function summary({ judged, changes: { refused, allowed, approval, rule } }: ReplayAnswer): string {
  const known = `Of ${count(judged, 'decision')} judged, it would`;
  if (refused + allowed + approval + rule === 0) return `${known} have made none otherwise.`;
  const parts = [
    `refuse ${refused.toLocaleString('en')}`,
    ...(allowed === 0 ? [] : [`allow ${allowed.toLocaleString('en')} that the policy in force refuses`]),
    ...(approval === 0 ? [] : [`ask for an approval of ${approval.toLocaleString('en')}`]),
    ...(rule === 0 ? [] : [`serve ${rule.toLocaleString('en')} by another rule`]),
  ];
  return `${known} ${parts.join(', ')}.`;
}

function Differences({ answer }: { readonly answer: ReplayAnswer }) {
  const names = useNames();
  const { groups, moreGroups, ungrouped, policies } = answer;
  return (
    <>
      <p class="quiet">
        <Read answer={answer} /> SHA-256 of the policy: <code class="wrap">{policies.new}</code>.
      </p>
      {groups.length === 0 ? null : (
        <Table<Group>
          items={groups}
          keyOf={(group) =>
            [group.change, group.caller.objectId, group.request, group.ruleInForce, group.ruleNew].join()
          }
          columns={[
            ['Request', 'wrap', (group) => <RequestCell group={group} />, ({ reason }) => reason],
            [
              'Change',
              'w-m',
              ({ change }) => <ToneBadge tone={changeWords[change][0]}>{changeWords[change][1]}</ToneBadge>,
            ],
            ['Caller', 'w-m p2', ({ caller }) => names.whoIn({ caller }).name, ({ caller }) => caller.applicationId],
            ['Records', 'w-s end p2', ({ records }) => records.toLocaleString('en')],
            ['Last', 'w-m end p3', ({ lastAt }) => <Time iso={lastAt} short />],
          ]}
        />
      )}
      {moreGroups + ungrouped === 0 ? null : (
        <p class="quiet">
          There are more; <code>ptb policy replay --json</code> has all.
        </p>
      )}
    </>
  );
}

function RequestCell({ group }: { readonly group: Group }) {
  const { request, ruleInForce = 'no rule', ruleNew = 'no rule', tenants, reason } = group;
  return (
    <>
      <code>{request}</code>
      <div class="small quiet">
        {count(tenants, 'tenant')}; {ruleInForce === ruleNew ? ruleNew : `${ruleInForce} → ${ruleNew}`}
        {reason === undefined ? '' : `. ${reason}`}
      </div>
    </>
  );
}

/** Rules in words with their last use, and what nothing needed. */
function InForce({ use, children }: { readonly use: Use; readonly children: ComponentChildren }) {
  const { signInClientId } = useSignedIn();
  const { rules, roles, callerNames } = use;
  // It needs no name in the policy.
  const known = useMemo(
    () => ({ ...(signInClientId && { [signInClientId]: 'people who sign in here' }), ...callerNames }),
    [signInClientId, callerNames],
  );
  const names = useNames(known);
  const needless = use.permissions.filter(({ unused }) => unused.length > 0);
  return (
    <>
      <Panel title="Rules in force" bare>
        {rules.length === 0 ? (
          <Empty title="The policy has no rule for tokens, requests or changes." />
        ) : (
          <Rules rules={rules} names={names} />
        )}
      </Panel>
      {children}
      {needless.length + roles.length === 0 ? null : (
        <Panel title="Unused permissions">
          <dl>
            {needless.map(({ application, unused, tokens }) => (
              <Fact key={application} name={`Application ${application}`}>
                <Folded names={unused} noun="permission" />
                {tokens === 0 ? null : (
                  <span class="quiet small">
                    Do not remove them yet: {count(tokens, 'token')} asked for without a scope may have needed them.
                  </span>
                )}
              </Fact>
            ))}
            {roles.map((held) => (
              <Fact key={held.caller} name={names.nameOf(held.caller)}>
                <span title={held.caller}>
                  <Folded names={held.roles} noun="app role" />
                </span>
              </Fact>
            ))}
          </dl>
        </Panel>
      )}
    </>
  );
}

/** The rules by how much they open. On a phone, each value has its name, as in the rows of a report. */
function Rules({ rules, names }: { readonly rules: readonly Rule[]; readonly names: Names }) {
  const partner = useSignedIn().session.tenantId;
  const isPhone = useNarrow();
  const cells: readonly Column<Rule>[] = [
    ['May', 'wrap', (rule) => <MayCell rule={rule} />],
    ['In', 'w-l wrap', (rule) => <WhereCell {...{ rule, names, partner }} />],
    ['Approval', 'w-m wrap', ({ allows }) => allows?.approval],
    ['Last used', 'w-m end wrap', lastUse],
    // An approval is asked for by one decision, and used by another.
    ['Decisions', 'w-s end wrap', ({ records }) => records.toLocaleString('en')],
  ];
  const groups = groupsOf(rules);
  const who = (rule: Rule) => <WhoCell {...{ rule, names }} />;
  if (!isPhone)
    return (
      <Table
        class="policy"
        items={rules}
        keyOf={({ rule }) => rule}
        columns={[['Rule, and who', 'w-c wrap', who], ...cells]}
        groupsOf={() => groups}
      />
    );
  return groups.map(({ title, head, items }) => (
    <section key={title} class="rules">
      <h3 class="group">{head}</h3>
      <ul class="records">
        {items.map((rule) => (
          <li key={rule.rule}>
            {who(rule)}
            <dl>
              {cells.map(([name, , cell]) => (
                <Fact key={name} name={name}>
                  {cell(rule)}
                </Fact>
              ))}
            </dl>
          </li>
        ))}
      </ul>
    </section>
  ));
}

/** What rules open, the most first: each rule belongs to the first that is true of it. */
const extents: readonly (readonly [title: string, about: string, isOf: (rule: Rule) => boolean, tone?: string])[] = [
  [
    'Opens everything',
    'Every resource or change job in every customer tenant, without an approval.',
    opensEverything,
    '',
  ],
  ['Opens the partner tenant', 'Your own tenant, which customers depend on.', opensPartner, 'warn'],
  [
    'With a condition',
    'After an approval, or in an emergency with a reason.',
    ({ allows }) => allows?.approval !== undefined,
  ],
  ['Limited', 'Without a condition, for what the rule names.', ({ allows }) => allows !== undefined],
  ['Not known', 'This broker does not say what the rule allows.', () => true],
];

const groupsOf = (rules: readonly Rule[]) => {
  const byExtent = Map.groupBy(rules, (rule) => extents.find(([, , isOf]) => isOf(rule)));
  return extents.flatMap((extent) => {
    const [title, advice, , tone] = extent;
    const items = byExtent.get(extent)?.toSorted(byConcern) ?? [];
    const head = <GroupHead count={items.length} {...{ title, advice, tone }} />;
    return items.length === 0 ? [] : [{ title, head, items }];
  });
};

const nouns: Readonly<Record<string, string>> = {
  scopes: 'scope',
  callers: 'caller',
  tenants: 'tenant',
  resources: 'resource',
  cmdlets: 'cmdlet',
  changes: 'change job',
  'requests.paths': 'path',
  'requests.cmdlets': 'cmdlet',
};

const unusedIn = ({ unused }: Rule): number => Object.values(unused).flat().length;

/** What nobody used comes first, and then what opens most in vain. */
const byConcern = (one: Rule, other: Rule): number =>
  Number(isUnused(other)) - Number(isUnused(one)) || (isUnused(one) ? 0 : unusedIn(other) - unusedIn(one));

/** A broker of another version does not say what a rule allows. */
const unsaid: Rule['allows'] = { callers: [], kinds: '', may: '', terms: {}, tenants: [], except: [] };

interface CellProps {
  readonly rule: Rule;
  readonly names: Names;
  /** The id of the partner's tenant. */
  readonly partner: string | undefined;
}

/** The name of a rule, and for whom it is on which conditions. */
function WhoCell({ rule, names: { nameOf } }: Pick<CellProps, 'rule' | 'names'>) {
  const { callers, kinds, objects, only } = rule.allows ?? unsaid;
  const through = callers.includes('*') ? undefined : callers;
  const ids = objects ?? through;
  const about = [
    ...(ids === undefined || kinds === 'people, applications and agents' ? [] : [kinds]),
    ...(objects === undefined || through === undefined ? [] : [`through ${listed(through.map(nameOf))}`]),
    ...(only === undefined ? [] : [only]),
  ].join(', ');
  return (
    <>
      <b>{rule.rule}</b> {/* The heading says what else it opens. */}
      {opensEverything(rule) && opensPartner(rule) ? (
        <ToneBadge tone="warn">opens the partner tenant, too</ToneBadge>
      ) : null}
      {rule.allows === undefined ? null : ids !== undefined && ids.length > callersNamed ? (
        <>
          <Folded names={ids} noun="caller" most={callersNamed} nameOf={nameOf} />
          {about === '' ? null : <div class="small quiet">{capitalized(about)}</div>}
        </>
      ) : (
        <div title={ids?.join(', ')}>
          {ids === undefined ? `All ${kinds}` : capitalized(ids.map(nameOf).join(', '))}
          {about === '' ? '' : ` (${about})`}
        </div>
      )}
      <Unused rule={rule} parts={['callers']} nameOf={nameOf} />
    </>
  );
}

/** More of them are counted. */
const callersNamed = 3;

/** What they may do, and whole lists of it. */
function MayCell({ rule }: Pick<CellProps, 'rule'>) {
  const { may, approval, terms } = rule.allows ?? unsaid;
  return (
    <>
      {approval === undefined ? may : may.replace(`, ${approval}`, '')}
      {Object.entries(terms).map(([part, entries]) => (
        <div key={part} class="small quiet">
          <Folded names={entries} before="In the policy: " noun={nouns[part] ?? 'entry'} />
        </div>
      ))}
      <Unused rule={rule} parts={['scopes', 'resources', 'cmdlets', 'changes']} />
    </>
  );
}

/** In which tenants, and which they may read. */
function WhereCell({ rule, names, partner }: CellProps) {
  const { tenants, except, reads } = rule.allows ?? unsaid;
  const namesOf = (entries: readonly string[], all = 'every customer tenant'): readonly string[] =>
    entries.map((entry) => {
      if (entry === '*') return all;
      if (entry === partner) return 'the partner tenant';
      return names.tenants.get(entry) ?? (isGuid(entry) ? `tenant ${names.nameOf(entry)}` : entry);
    });
  return (
    <>
      <Some names={namesOf(tenants)} />
      {except.length === 0 ? null : (
        <>
          , except <Some names={namesOf(except)} />
        </>
      )}
      {reads === undefined ? null : (
        <div class="small quiet">
          They may read {reads.length === 0 ? 'no tenant' : <Some names={namesOf(reads, 'every tenant')} />}.
        </div>
      )}
      <Unused rule={rule} parts={['tenants']} />
    </>
  );
}

interface UnusedProps {
  readonly rule: Rule;
  readonly parts: readonly string[];
  readonly nameOf?: Names['nameOf'];
}

/** What nobody used of parts of a rule. */
const Unused = ({ rule, parts, ...tags }: UnusedProps) => (
  <>
    {parts.map((part) => {
      const names = rule.unused[part] ?? [];
      const verb = part === 'callers' ? 'did not use it' : names.length === 1 ? 'was not used' : 'were not used';
      return names.length === 0 ? null : (
        <div key={part} class="small quiet">
          <Folded names={names} noun={nouns[part] ?? 'entry'} after={` ${verb}`} {...tags} />
        </div>
      );
    })}
  </>
);

const lastUse = ({ lastAt }: Rule) =>
  lastAt === undefined ? <span class="quiet">not used</span> : <Time iso={lastAt} short />;

/** How many there are of something, and their names in boxes: those of a long list on request. */
export function Folded(props: {
  readonly names: readonly string[];
  /** What they are, such as `scope`. */
  readonly noun: string;
  readonly before?: string;
  readonly after?: string;
  /** Names that are not folded. */
  readonly most?: number;
  readonly nameOf?: Names['nameOf'];
}) {
  const { names, noun, before = '', after = '', most = namesShown, ...tags } = props;
  const heading = `${before}${count(names.length, noun)}${after}`;
  const boxes = <TagList names={names} {...tags} />;
  return names.length <= most ? (
    <>
      {heading} {boxes}
    </>
  ) : (
    <details>
      <summary>
        <Icon name="turn" turns /> {heading}
      </summary>
      {boxes}
    </details>
  );
}
