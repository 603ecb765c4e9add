import { useMemo } from 'preact/hooks';
import type { PlanAnswer } from '../../src/lib/api/answers/plans.ts';
import type { ResultsAnswer, RunTenant } from '../../src/lib/api/answers/runs.ts';
import { type Difference as One, differenceOf } from '../../src/lib/changes/difference.ts';
import { isEnded } from '../../src/lib/runs/store/run.ts';
import type { Api } from './api.ts';
import { CauseHead } from './causes.tsx';
import { StackedBar } from './charts.tsx';
import { count } from './format.ts';
import { Icon, type IconName } from './icon.tsx';
import { Breakable, Panel } from './pieces.tsx';
import {
  type Apply,
  differenceWords,
  type Group,
  groupTitle,
  endOf,
  isEmptyAt,
  outcomeTones,
  plainWords,
  restWord,
} from './plan-words.ts';
import { usePolling } from './polling.ts';
import { runLink, tenantLink } from './route.ts';

const namesShown = 10;

type Rows = ResultsAnswer['rows'];

/** What became of it so far. */
interface Applied {
  /** Of the apply. Undefined: there is none, or they are not read yet. */
  readonly tenants?: readonly RunTenant[] | undefined;
  /** The changes of tenants that failed. */
  readonly wrong?: Rows;
}

/** What is the same in many tenants, those that cannot be undone first. */
export function Difference({ plan, tenants, wrong = [] }: { readonly plan: PlanAnswer } & Applied) {
  const { groups, irreversible, more, planId, apply } = plan;
  const load = async (api: Api) =>
    groups.length === 0 ? undefined : api.rows(planId, undefined, new AbortController().signal);
  const { value } = usePolling(load, `rows of ${planId} ${groups.length === 0}`);
  // A page has thousands of rows, and a plan hundreds of groups.
  const byKind = useMemo(() => Map.groupBy(value?.rows ?? [], kindOf), [value]);
  if (groups.length === 0) return null;
  const ended = tenants && new Map(tenants.map((tenant) => [tenant.tenantId, tenant]));
  // How many of the changes made can be undone, the numbers above say.
  const undoable =
    irreversible > 0 ? `${irreversible.toLocaleString('en')} cannot be undone` : tenants ? '' : 'each can be undone';
  return (
    <Panel
      title="What changes"
      more={
        <>
          <span class="small">{undoable}</span>
          <a href={runLink(apply?.runId ?? planId, 'rows')}>By tenant</a>
        </>
      }
      bare
    >
      {groups.map((group, index) => (
        <GroupRow
          key={index}
          planId={planId}
          group={group}
          changed={changedIn(byKind.get(kindOf(group)) ?? [], apply, ended, wrong)}
          isOpen={index === 0}
        />
      ))}
      {more ? (
        <footer>
          <a href={runLink(planId, 'rows')}>There are more kinds: every change</a>
        </footer>
      ) : null}
    </Panel>
  );
}

/** A tenant of a group, and what became of the change there: tone and word. Undefined: nobody applies it. */
interface Changed {
  readonly tenantId: string;
  readonly name: string;
  readonly state: readonly [tone: IconName, word: string] | undefined;
}

/** What is the same in all changes of a group. */
const kindOf = ({ action, target, before, after, undo }: Group | Rows[number]): string =>
  JSON.stringify([action, target, before, after, undo]);

/** The tenants of a group by its rows, as far as the first page has them. Those where it went wrong come first. */
function changedIn(
  rows: Rows,
  apply: Apply | undefined,
  ended: ReadonlyMap<string, RunTenant> | undefined,
  wrong: Rows,
): readonly Changed[] {
  const stateOf = (row: Rows[number]): Changed['state'] => {
    if (apply === undefined || ended === undefined) return undefined;
    const tenant = ended.get(row.tenantId);
    const outcome = tenant?.outcome;
    if (outcome === 'succeeded') return ['good', 'applied'];
    if (outcome === 'retrying') return ['active', 'under way'];
    if (outcome === 'skipped') return ['idle', 'skipped'];
    if (tenant === undefined || outcome !== 'failed')
      return [isEnded(apply.status) ? 'idle' : 'clock', restWord(apply)];
    // Another change there may have failed.
    const said = wrong.find((one) => one.tenantId === row.tenantId && kindOf(one) === kindOf(row))?.['outcome'];
    if (typeof said === 'string') return [outcomeTones.get(said) ?? 'bad', said];
    const end = endOf(tenant, apply);
    if (end === 'left') return ['idle', 'no longer reachable'];
    return [end === 'failed' || end === 'unclear' ? 'bad' : 'warn', end];
  };
  return [...new Map(rows.map((row) => [row.tenantId, row])).values()]
    .map((row) => ({ tenantId: row.tenantId, name: row.tenantName, state: stateOf(row) }))
    .toSorted((one, other) => Number(other.state?.[0] === 'bad') - Number(one.state?.[0] === 'bad'));
}

interface GroupProps {
  readonly planId: string;
  readonly group: Group;
  /** None until they are read. */
  readonly changed: readonly Changed[];
}

function GroupRow({ planId, group, changed, isOpen }: GroupProps & { readonly isOpen: boolean }) {
  const { target, before, after, undo, tenants } = group;
  const progress = progressOf(changed, tenants);
  const isLasting = undo.startsWith('no');
  return (
    <details class={isLasting ? 'cause bad' : 'cause ok'} open={isOpen}>
      <CauseHead
        count={tenants}
        title={groupTitle(group)}
        whole={target}
        about={
          plainWords(before, after) === undefined ? (
            <div class="words whom quiet">{differenceWords(before, after).join('; ')}</div>
          ) : null
        }
        bar={progress?.bar}
        since={[progress?.words ?? [], isLasting ? 'cannot be undone' : undo === 'yes' ? [] : `undo ${undo}`]
          .flat()
          .join(', ')}
      />
      <div>
        {isLasting ? <p class="problem">Cannot be undone{undo.slice(2)}</p> : null}
        <figure class="patch lines" tabIndex={0}>
          <figcaption>
            <code>
              <Breakable text={target} />
            </code>{' '}
            in {count(tenants, 'tenant')}
          </figcaption>
          {differenceOf(before, after).map((one) => (
            <div key={one.place}>
              <code>
                <Breakable text={one.place === '' ? 'everything' : one.place} />
              </code>
              {orEmpty(one.lost, one, before).map((value, at) => (
                <del key={at}>
                  − <Breakable text={value} />
                </del>
              ))}
              {orEmpty(one.gained, one, after).map((value, at) => (
                <ins key={at}>
                  + <Breakable text={value} />
                </ins>
              ))}
            </div>
          ))}
        </figure>
        <Tenants planId={planId} group={group} changed={changed} />
      </div>
    </details>
  );
}

/** What is on one side of a difference. What is empty has a line, too. */
const orEmpty = (values: readonly string[], { place, isList }: One, json: string | null): readonly string[] =>
  (isList && isEmptyAt(json, place) ? [''] : values).map((value) => value || '(empty)');

/** How many of all are done or went wrong. Undefined if nobody applies it, or not all tenants are known. */
function progressOf(changed: readonly Changed[], all: number) {
  const of = (tone: IconName): number => changed.filter(({ state }) => state?.[0] === tone).length;
  if (changed.length < all || changed.some(({ state }) => state === undefined)) return undefined;
  const [done, wrong] = [of('good'), of('bad')];
  const bad = Map.groupBy(
    changed.flatMap(({ state }) => (state?.[0] === 'bad' ? state[1] : [])),
    (word) => word,
  );
  const counts = [[done, 'applied'] as const, ...[...bad].map(([word, some]) => [some.length, word] as const)];
  return {
    words: counts.flatMap(([n, word], at) => (n > 0 || at === 0 ? `${n.toLocaleString('en')} ${word}` : [])).join(', '),
    bar: (
      <StackedBar
        parts={[
          ['succeeded', done],
          ['bad', wrong],
        ]}
        total={all}
      />
    ),
  };
}

function Tenants({ planId, group, changed }: GroupProps) {
  const left = group.tenants - Math.min(changed.length, namesShown);
  return (
    <ul class="names">
      {changed.slice(0, namesShown).map(({ tenantId, name, state }) => (
        <li key={tenantId}>
          {state === undefined ? null : (
            <span class={state[0]} title={state[1]}>
              <Icon name={state[0]} />
            </span>
          )}
          <a href={tenantLink(tenantId)}>{name}</a>
          {state === undefined ? null : <span class="visually-hidden"> {state[1]}</span>}
        </li>
      ))}
      {left > 0 ? (
        <li>
          <a href={runLink(planId, 'rows')}>
            {changed.length === 0 ? count(left, 'tenant') : `and ${count(left, 'other')}`}
          </a>
        </li>
      ) : null}
    </ul>
  );
}
