import type { ComponentChildren } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import type { ReplayAnswer } from '../../src/lib/api/answers/policy.ts';
import { useAction } from './action.tsx';
import type { ApiFailure } from './api-failure.ts';
import { type Names, useNames } from './audit-names.ts';
import { readPeriod, Refused } from './audit-period.tsx';
import { GroupHead } from './causes.tsx';
import { Choice } from './choice.tsx';
import { Command, CopyButton } from './copy.tsx';
import { useSignedIn } from './context.ts';
import { Dialog, DialogButton } from './dialog.tsx';
import { count, duration, numbersKept } from './format.ts';
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
const dayMs = 86_400_000;
const sinceOf = (days: string): string => new Date(Date.now() - Number(days) * dayMs).toISOString();

/** Writes narrower rules, which can then be tried here. */
const suggestion = (days: string): string => `ptb policy suggest --since ${days}d --output narrow.json`;

/** What is used of the policy in force, and what another one would have decided. */
function Policy() {
  const [days, setDays] = useState('7');
  const polled = usePolling((api) => api.replay({ since: sinceOf(days) }), `policy ${days}`);
  return (
    <>
      <Head title={headline(polled.value)} name="Policy" lede={polled.value && <Read answer={polled.value} />}>
        <DialogButton dialog={(onClose) => <TryPolicy days={days} onClose={onClose} />}>
          Compare with another policy…
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
            <InForce use={answer.use} read={timeRead(answer)} days={days}>
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

/** It is good that nobody uses such a rule. */
const isForEmergencies = ({ allows }: Rule): boolean => allows?.breakGlass === true;

/** What a narrower policy would change. */
const isTooWide = (rule: Rule): boolean =>
  opensEverything(rule) || opensPartner(rule) || unusedIn(rule) > 0 || (isUnused(rule) && !isForEmergencies(rule));

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

interface TimeRead {
  /** How long it is, such as `7 days` or `3 h 05 min`. */
  readonly length: string;
  /** Whether what was not used in it may be needless: not if the records of a few hours are all that was read. */
  readonly isEnough: boolean;
}

function timeRead({ readFrom, period }: ReplayAnswer): TimeRead {
  const ms = Date.parse(period.to) - Date.parse(readFrom);
  const days = Math.round(ms / dayMs);
  return {
    length: days < 2 ? duration(ms) : count(days, 'day'),
    // The clocks of browser and broker may differ, so that 7 days are a little less.
    isEnough: readFrom === period.from && days >= 7,
  };
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
      title="Compare with another policy"
      kind="wide"
      onClose={onClose}
      form={{
        onSubmit: submit,
        send: 'Compare',
        busy: busy || text.trim() === '',
        cancel: 'Close',
      }}
    >
      <p class="quiet">Judges what was recorded in the period by the rules of another file. Nothing is stored.</p>
      <Command text={suggestion(days)} about="This command writes rules for what was used, and nothing else:" />
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

interface InForceProps {
  readonly use: Use;
  readonly read: TimeRead;
  /** The period that was chosen. */
  readonly days: string;
}

/** Rules in words with their last use, and what nothing needed. */
function InForce({ use, read, days, children }: InForceProps & { readonly children: ComponentChildren }) {
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
      <Panel
        title="Rules in force"
        more={
          rules.some(isTooWide) ? (
            <CopyButton text={suggestion(days)} what="command for narrower rules" isAlone />
          ) : undefined
        }
        bare
      >
        {rules.length === 0 ? (
          <Empty title="The policy has no rule for tokens, requests or changes." />
        ) : (
          <>
            <Advice {...{ rules, read }} />
            <Rules {...{ rules, names, read }} />
          </>
        )}
      </Panel>
      {children}
      {needless.length + roles.length === 0 ? null : (
        <Panel title="Unused permissions">
          <dl>
            {needless.map(({ application, unused, tokens }) => (
              <Fact key={application} name={`Application ${application}`}>
                <NameList names={unused} heading={count(unused.length, 'permission')} />
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
                  <NameList names={held.roles} heading={count(held.roles.length, 'app role')} />
                </span>
              </Fact>
            ))}
          </dl>
        </Panel>
      )}
    </>
  );
}

/** What to do about all that was not used: each rule says only what that is. */
function Advice({ rules, read }: { readonly rules: readonly Rule[] } & Pick<CellProps, 'read'>) {
  const idle = rules.filter((rule) => isUnused(rule) && !isForEmergencies(rule));
  const hasParts = rules.some((rule) => unusedIn(rule) > 0);
  if (!read.isEnough || (idle.length === 0 && !hasParts)) return null;
  return (
    <div class="pad remedy">
      <Icon name="warn" />
      <p>
        {idle.length === 0 ? '' : `Nobody used ${count(idle.length, 'rule')} in ${read.length}. `}Remove what is not
        needed.
      </p>
    </div>
  );
}

/** The rules by how much they open. On a phone, each value has its name, as in the rows of a report. */
function Rules({ rules, names, read }: { readonly rules: readonly Rule[] } & Pick<CellProps, 'names' | 'read'>) {
  const partner = useSignedIn().session.tenantId;
  const isPhone = useNarrow();
  const cells: readonly Column<Rule>[] = [
    ['May', 'wrap', (rule) => <MayCell {...{ rule, read }} />],
    ['In', 'w-l wrap', (rule) => <WhereCell {...{ rule, names, read, partner }} />],
    ['Last used', 'w-m end wrap', (rule) => <UseCell {...{ rule, read }} />],
  ];
  const groups = groupsOf(rules);
  const who = (rule: Rule) => <WhoCell {...{ rule, names, read }} />;
  if (!isPhone)
    return (
      <Table
        class="policy"
        items={rules}
        keyOf={({ rule }) => rule}
        columns={[['Rule, and who', 'rule wrap', who], ...cells]}
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

interface Extent {
  readonly title: string;
  readonly about: string;
  readonly isOf: (rule: Rule) => boolean;
  readonly tone?: string;
  /** What to do about the rules that are used. */
  readonly remedy?: string;
}

/** What rules open, the most first: each rule belongs to the first that is true of it. */
const extents: readonly Extent[] = [
  {
    title: 'Opens everything',
    about: 'Every resource or change job in every customer tenant, without an approval.',
    isOf: opensEverything,
    tone: '',
    remedy: 'Name only what is needed.',
  },
  {
    title: 'Opens the partner tenant',
    about: 'Your own tenant, which customers depend on.',
    isOf: opensPartner,
    tone: 'warn',
    remedy: 'Require an approval.',
  },
  {
    title: 'With a condition',
    about: 'After an approval, or in an emergency with a reason.',
    isOf: ({ allows }) => allows?.approval !== undefined,
  },
  {
    title: 'Limited',
    about: 'Without a condition, for what the rule names.',
    isOf: ({ allows }) => allows !== undefined,
  },
  { title: 'Not known', about: 'This broker does not say what the rule allows.', isOf: () => true },
];

const groupsOf = (rules: readonly Rule[]) => {
  const byExtent = Map.groupBy(rules, (rule) => extents.find(({ isOf }) => isOf(rule)));
  return extents.flatMap((extent) => {
    const { title, about, tone, remedy } = extent;
    const items = byExtent.get(extent)?.toSorted(byConcern) ?? [];
    const advice = items.every(isUnused) ? about : [about, remedy ?? []].flat().join(' ');
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
  readonly read: TimeRead;
  /** The id of the partner's tenant. */
  readonly partner: string | undefined;
}

/** The name of a rule, for whom it is on which conditions, and what to do about it. */
function WhoCell({ rule, names: { nameOf }, read }: Pick<CellProps, 'rule' | 'names' | 'read'>) {
  const { callers, kinds, objects, only } = rule.allows ?? unsaid;
  const through = callers.includes('*') ? undefined : callers;
  const ids = objects ?? through;
  const about = [
    ...(ids === undefined || kinds === 'people, applications and agents' ? [] : [kinds]),
    ...(objects === undefined || through === undefined ? [] : [`through ${listed(through.map(nameOf))}`]),
    ...(only === undefined ? [] : [only]),
  ].join(', ');
  const isLong = ids !== undefined && ids.length > fewNamed;
  return (
    <>
      <b>{rule.rule}</b> {/* The heading says what else it opens. */}
      {opensEverything(rule) && opensPartner(rule) ? (
        <ToneBadge tone="warn">opens the partner tenant, too</ToneBadge>
      ) : null}
      {rule.allows === undefined ? null : isLong ? (
        <>
          {objects === undefined && saysAll(rule, 'callers') ? null : (
            <div class="small">
              <NameList names={ids} heading={count(ids.length, 'caller')} most={fewNamed} nameOf={nameOf} />
            </div>
          )}
          {about === '' ? null : <div class="small quiet">{capitalized(about)}</div>}
        </>
      ) : (
        <div class="small quiet" title={ids?.join(', ')}>
          {ids === undefined ? `All ${kinds}` : capitalized(ids.map(nameOf).join(', '))}
          {about === '' ? '' : ` (${about})`}
        </div>
      )}
      <Needless {...{ rule, read, nameOf }} parts={['callers']} />
    </>
  );
}

/** More names than this are folded or counted. */
const fewNamed = 3;

/** What they may do, and whole lists of it. */
function MayCell({ rule, read }: Pick<CellProps, 'rule' | 'read'>) {
  const { may, approval, terms } = rule.allows ?? unsaid;
  return (
    <>
      {approval === undefined ? may : may.replace(`, ${approval}`, '')}
      {approval === undefined ? null : <div>{approval}</div>}
      {Object.entries(terms).map(([part, entries]) =>
        saysAll(rule, part) ? null : (
          <div key={part} class="small quiet">
            <NameList names={entries} heading={`In the policy: ${count(entries.length, nouns[part] ?? 'entry')}`} />
          </div>
        ),
      )}
      <Needless {...{ rule, read }} parts={['scopes', 'resources', 'cmdlets', 'changes']} />
    </>
  );
}

/** In which tenants, and which they may read. */
function WhereCell({ rule, names, read, partner }: CellProps) {
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
      <Needless {...{ rule, read }} parts={['tenants']} />
    </>
  );
}

interface NeedlessProps extends Pick<CellProps, 'rule' | 'read'> {
  readonly parts: readonly string[];
  readonly nameOf?: Names['nameOf'];
}

/** What was used of a list. Undefined where the policy is short enough to say all of it in words. */
const usedOf = ({ allows, unused }: Rule, part: string): readonly string[] | undefined =>
  (part === 'callers' ? allows?.callers : allows?.terms[part])?.filter((name) => !unused[part]?.includes(name));

/** Whether one line names what was used of a list and folds the rest: then nothing else needs to name all. */
const saysAll = (rule: Rule, part: string): boolean =>
  rule.unused[part] !== undefined && (usedOf(rule, part)?.length ?? Infinity) <= fewNamed;

/** How much of parts of a rule was used, and what may be needless: a few by their names, and many on request. */
const Needless = ({ rule, read, parts, nameOf = (name) => name }: NeedlessProps) => (
  <>
    {parts.map((part) => {
      const idle = rule.unused[part] ?? [];
      if (idle.length === 0) return null;
      const isShort = idle.length <= fewNamed;
      const used = usedOf(rule, part);
      const rest = isShort ? idle.map(nameOf).join(', ') : `the other ${idle.length}`;
      const some = read.isEnough || used?.length ? used : undefined;
      const words = usedWords(part, idle, some, nameOf);
      const unused = !isShort && read.isEnough ? '' : some?.length ? `, but not ${rest}` : isShort ? `: ${rest}` : '';
      const heading = `${read.isEnough ? words : `In ${read.length}, ${words}`}${unused}`;
      return (
        <div key={part} class="remedy small" title={isShort ? idle.join(', ') : undefined}>
          {isShort ? heading : <NameList names={idle} heading={heading} most={fewNamed} nameOf={nameOf} />}
        </div>
      );
    })}
  </>
);

function usedWords(
  part: string,
  idle: readonly string[],
  used: readonly string[] | undefined,
  nameOf: Names['nameOf'],
): string {
  const noun = nouns[part] ?? 'entry';
  const was = (n: number): string => (part === 'callers' ? 'used it' : n === 1 ? 'was used' : 'were used');
  if (used === undefined)
    return `${count(idle.length, noun)} ${part === 'callers' ? 'did not use it' : was(idle.length).replace('used', 'not used')}`;
  const named = used.length > 0 && used.length <= fewNamed ? `: ${used.map(nameOf).join(', ')}` : '';
  const all = count(idle.length + used.length, noun);
  return used.length === 0 ? `none of ${all} ${was(2)}` : `${used.length} of ${all} ${was(used.length)}${named}`;
}

/** When it was used last, and how often: an approval is asked for by one decision, and used by another. */
const UseCell = ({ rule, read }: Pick<CellProps, 'rule' | 'read'>) => {
  const { lastAt, records } = rule;
  return lastAt === undefined ? (
    <span class={isForEmergencies(rule) || !read.isEnough ? 'quiet' : 'unused'}>
      not used{read.isEnough ? '' : ` in ${read.length}`}
    </span>
  ) : (
    <>
      <Time iso={lastAt} short />
      <div class="small quiet">{count(records, 'decision')}</div>
    </>
  );
};

/** Names in boxes after their heading: those of a long list on request. */
export function NameList(props: {
  readonly heading: string;
  readonly names: readonly string[];
  /** Names that are not folded. */
  readonly most?: number;
  readonly nameOf?: Names['nameOf'];
}) {
  const { heading, names, most = namesShown, ...tags } = props;
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
