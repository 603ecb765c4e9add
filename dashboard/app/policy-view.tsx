import { useState } from 'preact/hooks';
import type { ReplayAnswer } from '../../src/lib/api/answers/policy.ts';
import { useAction } from './action.tsx';
import type { ApiFailure } from './api-failure.ts';
import { type Names, useNames } from './audit-table.tsx';
import { Choice } from './choice.tsx';
import { useSignedIn } from './context.ts';
import { count, localTime } from './format.ts';
import { Empty, Failure, Head, Loaded, Panel, Table, Time, ToneBadge } from './pieces.tsx';
import { usePolling } from './polling.ts';
import { forRole } from './role-needed.tsx';

export const PolicyView = forRole(['Audit.Read'], 'Policy', Policy);

type Use = NonNullable<ReplayAnswer['use']>;
type Group = ReplayAnswer['groups'][number];

const periods = ['7', '30', '90'];
const sinceOf = (days: string): string => new Date(Date.now() - Number(days) * 86_400_000).toISOString();

/** What is used of the policy in force, and what another one would have decided. */
function Policy() {
  const [days, setDays] = useState('7');
  const polled = usePolling((api) => api.replay({ since: sinceOf(days) }), `policy ${days}`);
  return (
    <>
      <Head title={headline(polled.value)} name="Policy" lede={polled.value && <Read answer={polled.value} />}>
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
        {({ use, readFrom }) =>
          use === undefined ? (
            <Empty title="The policy limits what you may read.">
              <p>What is used of it would be a guess: others may have used what you do not see.</p>
            </Empty>
          ) : (
            <InForce use={use} since={readFrom} />
          )
        }
      </Loaded>
      <TryPolicy days={days} />
    </>
  );
}

/** How many rules nobody used. */
function headline({ use }: Partial<ReplayAnswer> = {}): string {
  if (use === undefined) return 'Policy';
  const unused = use.rules.filter(({ lastAt }) => lastAt === undefined).length;
  return `${count(use.rules.length, 'rule')}, ${unused === 0 ? 'each was used' : `nobody used ${unused.toLocaleString('en')}`}`;
}

/** What a result rests on. */
function Read({ answer }: { readonly answer: ReplayAnswer }) {
  const { readFrom, period, judged, unknown, others } = answer;
  const open = Object.values(unknown).reduce((sum, records) => sum + records, 0);
  return (
    <>
      From <Time iso={readFrom} exact /> to <Time iso={period.to} exact />: {count(judged, 'decision')} judged.
      {open === 0 ? '' : ` ${count(open, 'record')} could not be judged.`}
      {others === 0 ? '' : ` ${count(others, 'record')} of other tenants are not shown.`}
      {readFrom === period.from ? '' : ' Older records were not read: there are too many, or it took too long.'}
    </>
  );
}

/** Judges what was recorded by a policy that is pasted or chosen as a file. */
function TryPolicy({ days }: { readonly days: string }) {
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
    <Panel title="Try another policy">
      <form class="try-policy" onSubmit={submit} noValidate>
        <label for="policy-file">A policy file. Nothing is stored.</label>
        <input
          id="policy-file"
          type="file"
          accept=".json,application/json"
          onChange={(event) => void event.currentTarget.files?.[0]?.text().then(change)}
        />
        <label for="policy-text">Or its text</label>
        <textarea
          id="policy-text"
          rows={4}
          spellcheck={false}
          autoComplete="off"
          value={text}
          onInput={(event) => change(event.currentTarget.value)}
        />
        <p>
          <button type="submit" class="primary" aria-disabled={busy || text.trim() === ''}>
            Show what it would decide otherwise
          </button>{' '}
          <span role="status">{busy ? 'Judging the records…' : answer === undefined ? '' : summary(answer)}</span>
        </p>
      </form>
      <Failure failure={failure} />
      {answer === undefined ? null : <Differences answer={answer} />}
    </Panel>
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

/** Rules with their last use, and what nothing needed. */
function InForce({ use: { rules, roles, permissions }, since }: { readonly use: Use; readonly since: string }) {
  const { nameOf } = useNames();
  const needless = permissions.filter(({ unused }) => unused.length > 0);
  return (
    <>
      <Panel title={`Rules in force, and their use since ${localTime(since)}`} bare>
        {rules.length === 0 ? (
          <Empty title="The policy has no rule for tokens, requests or changes." />
        ) : (
          <Table<Use['rules'][number]>
            items={rules}
            keyOf={({ rule }) => rule}
            columns={[
              ['Rule', 'wrap', ({ rule, unused }) => <RuleCell rule={rule} unused={unused} nameOf={nameOf} />],
              [
                'Last used',
                'w-m end',
                ({ lastAt }) =>
                  lastAt === undefined ? (
                    <ToneBadge tone="warn">not since then</ToneBadge>
                  ) : (
                    <Time iso={lastAt} short />
                  ),
              ],
              ['Records', 'w-s end p2', ({ records }) => records.toLocaleString('en')],
            ]}
          />
        )}
      </Panel>
      {needless.length + roles.length === 0 ? null : (
        <Panel title="Held and not needed">
          <ul>
            {needless.map(({ application, unused, tokens }) => (
              <li key={application}>
                Permissions of the application {application}: <Folded names={unused} />
                {tokens === 0 ? '' : ` ${count(tokens, 'token')} that named no scopes may have needed them.`}
              </li>
            ))}
            {roles.map((held) => (
              <li key={held.caller}>
                Roles of the caller <span title={held.caller}>{nameOf(held.caller)}</span>: {held.roles.join(', ')}.
              </li>
            ))}
          </ul>
        </Panel>
      )}
    </>
  );
}

const RuleCell = ({ rule, unused, nameOf }: Pick<Use['rules'][number], 'rule' | 'unused'> & Pick<Names, 'nameOf'>) => (
  <>
    {rule}
    {Object.entries(unused).map(([part, entries]) => (
      <div key={part} class="small quiet">
        Not used: {part === 'changes' ? 'change jobs' : part}{' '}
        <Folded names={entries} {...(part === 'callers' ? { nameOf } : {})} />
      </div>
    ))}
  </>
);

/** Names that stay in sight. */
const namesShown = 4;

/** Names, those of a long list behind their number. */
function Folded({ names, nameOf }: { readonly names: readonly string[]; readonly nameOf?: Names['nameOf'] }) {
  const more = names.length - namesShown;
  // The start of an id is enough to read, and the whole id is to be found.
  const listed = (some: readonly string[]) =>
    some.map((name, at) => (
      <span key={name} title={nameOf && name}>
        {at === 0 ? '' : ', '}
        {nameOf?.(name) ?? name}
      </span>
    ));
  if (more <= 1) return <>{listed(names)}</>;
  return (
    <details>
      <summary class="quiet">
        {listed(names.slice(0, namesShown))} and {count(more, 'other')}
      </summary>
      {listed(names.slice(namesShown))}
    </details>
  );
}
