import { useState } from 'preact/hooks';
import type { PlanAnswer } from '../../src/lib/api/answers/plans.ts';
import { differenceOf } from '../../src/lib/changes/difference.ts';
import type { Api } from './api.ts';
import { count } from './format.ts';
import { CauseHead } from './causes.tsx';
import { Breakable, Panel } from './pieces.tsx';
import { differenceWords, type Group, groupTitle, isEmptyAt, plainWords } from './plan-words.ts';
import { usePolling } from './polling.ts';
import { runLink, tenantLink } from './route.ts';

const namesShown = 10;

/** What is the same in many tenants, those that cannot be undone first. */
export function Difference({ plan }: { readonly plan: PlanAnswer }) {
  const { groups, changes, irreversible, more, planId, apply } = plan;
  if (groups.length === 0) return null;
  const undoable = irreversible === 0 ? 'each can be undone' : `${irreversible.toLocaleString('en')} cannot be undone`;
  return (
    <Panel
      title="What changes"
      more={
        <>
          <span class="small">{`${count(changes, 'change')}, ${undoable}`}</span>
          <a href={runLink(apply?.runId ?? planId, 'rows')}>By tenant</a>
        </>
      }
      bare
    >
      {groups.map((group, index) => (
        <GroupRow key={index} planId={planId} group={group} isOpen={index === 0} />
      ))}
      {more ? (
        <footer>
          <a href={runLink(planId, 'rows')}>There are more kinds: every change</a>
        </footer>
      ) : null}
    </Panel>
  );
}

interface GroupProps {
  readonly planId: string;
  readonly group: Group;
}

function GroupRow({ planId, group, isOpen }: GroupProps & { readonly isOpen: boolean }) {
  const { target, before, after, undo, tenants } = group;
  const [wasOpened, setOpened] = useState(isOpen);
  const isLasting = undo.startsWith('no');
  return (
    <details
      class={isLasting ? 'cause bad' : 'cause ok'}
      open={isOpen}
      onToggle={(event) => event.currentTarget.open && setOpened(true)}
    >
      <CauseHead
        count={tenants}
        title={groupTitle(group)}
        whole={target}
        about={
          plainWords(before, after) === undefined ? (
            <div class="words whom quiet">{differenceWords(before, after).join('; ')}</div>
          ) : null
        }
        since={isLasting ? 'cannot be undone' : undo === 'yes' ? '' : `undo ${undo}`}
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
              {one.lost.map((value, at) => (
                <del key={at}>
                  − <Breakable text={value} />
                </del>
              ))}
              {one.gained.map((value, at) => (
                <ins key={at}>
                  + <Breakable text={value} />
                </ins>
              ))}
              {one.isList && isEmptyAt(before, one.place) ? <div class="quiet">empty before</div> : null}
              {one.isList && isEmptyAt(after, one.place) ? <div class="quiet">empty afterwards</div> : null}
            </div>
          ))}
        </figure>
        {wasOpened ? <Tenants planId={planId} group={group} /> : null}
      </div>
    </details>
  );
}

const compared = ['action', 'target', 'before', 'after', 'undo'] as const;

/** The tenants of a group, from the first page of the rows. */
function Tenants({ planId, group }: GroupProps) {
  const load = (api: Api) => api.rows(planId, undefined, new AbortController().signal);
  const { value } = usePolling(load, `rows of ${planId}`);
  const rows = value?.rows.filter((row) => compared.every((name) => row[name] === group[name])) ?? [];
  const names = new Map(rows.map(({ tenantId, tenantName }) => [tenantId, tenantName]));
  const left = group.tenants - Math.min(names.size, namesShown);
  return (
    <ul class="names">
      {[...names].slice(0, namesShown).map(([tenantId, name]) => (
        <li key={tenantId}>
          <a href={tenantLink(tenantId)}>{name}</a>
        </li>
      ))}
      {left > 0 ? (
        <li>
          <a href={runLink(planId, 'rows')}>
            {names.size === 0 ? count(left, 'tenant') : `and ${count(left, 'other')}`}
          </a>
        </li>
      ) : null}
    </ul>
  );
}
