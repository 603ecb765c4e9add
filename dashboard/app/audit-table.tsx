import { useMemo, useState } from 'preact/hooks';
import { type AuditFilter, auditLink } from './view-filter.ts';
import { atLeast, type AuditRecord, folded, type Line, type ShownRecord } from './audit-lines.ts';
import { type Names, tenantOf } from './audit-names.ts';
import { aboutOf, Outcome, RecordDrawer, ruleOf, subjectOf, What } from './audit-record.tsx';
import { othersIn, talliedOf } from './audit-period.tsx';
import { byDay } from './format.ts';
import { Face, Icon } from './icon.tsx';
import { Clock, type Column, Table } from './pieces.tsx';
import { nilUuid } from '../../src/lib/core/identifiers.ts';
import { titleOf } from '../../src/lib/api/trouble.ts';

/** The rule that allowed a record, or what was asked for and refused. */
function belowOf(record: ShownRecord): string | undefined {
  const rule = ruleOf(record);
  if (rule !== undefined) return `Rule: ${rule}`;
  const { outcome, kind, scopes } = record;
  // Of a job, its name stands for the rule.
  if (record.rule !== undefined || outcome !== 'denied' || kind === 'request' || scopes.length === 0) return undefined;
  return `Asked for ${scopes.join(', ')}`;
}

interface TableContext {
  readonly filter: AuditFilter;
  readonly names: Names;
}

/**
 * One line a record, or a request ({@link oneARequest}), or several, such as those of a run ({@link folded}). What else is known
 * of a record is in a drawer.
 */
export function AuditTable({
  records,
  isSearching,
  hasMore,
  ...context
}: TableContext & {
  readonly records: readonly ShownRecord[];
  /** Whether these are those of a search: they are not all of their days. */
  readonly isSearching?: boolean;
  /** Whether there are older records than these. */
  readonly hasMore?: boolean;
}) {
  const [open, setOpen] = useState<ShownRecord>();
  const [unfolded, setUnfolded] = useState<ReadonlySet<string>>(new Set());
  const { names } = context;
  const lines = useMemo(() => folded(records, hasMore), [records, hasMore]);
  const isOpen = ({ equal, depth = 0 }: Line): boolean =>
    equal !== undefined && unfolded.has(keyOfOldest(equal, depth));
  const onOpen = ({ equal, depth = 0, ...line }: Line): void => {
    if (equal === undefined) setOpen(line);
    else {
      const key = keyOfOldest(equal, depth);
      setUnfolded((keys) => new Set(keys.has(key) ? [...keys].filter((other) => other !== key) : [...keys, key]));
    }
  };
  const withParts = (some: readonly Line[]): readonly Line[] =>
    some.flatMap((line) => [
      line,
      ...(isOpen(line) ? withParts((line.parts ?? []).map((part) => ({ ...part, depth: (line.depth ?? 0) + 1 }))) : []),
    ]);
  const place = open === undefined ? -1 : records.findIndex((record) => keyOf(record) === keyOf(open));
  const stepTo = (steps: number): (() => void) | undefined => {
    const next = place === -1 ? undefined : records[place + steps];
    return next && (() => setOpen(next));
  };
  const opener = (line: Line) =>
    line.equal === undefined ? <Opener record={line} names={names} onOpen={onOpen} /> : <Clock iso={line.at} exact />;
  const columns: readonly Column<Line>[] = [
    ['Time', 'w-s', opener],
    ['Who', undefined, (line) => <Caller record={line} {...context} />],
    ['Tenant', undefined, (line) => <Tenant record={line} {...context} />, (line) => tenantOf(line, names)],
    [
      'What',
      'what',
      (line) => (
        <>
          <span class="who-cell">
            <span class="cut">
              <What record={line} isShort />
            </span>
            {line.equal === undefined ? null : (
              <button type="button" class="link times" aria-expanded={isOpen(line)} onClick={() => onOpen(line)}>
                × {atLeast(line.equal.length, line)}
                <span class="visually-hidden"> records of {aboutOf(line, names)}</span> <Icon name="turn" turns />
              </button>
            )}
          </span>
          {belowOf(line) === undefined ? null : <span class="rule cut quiet small">{belowOf(line)}</span>}
        </>
      ),
      (line) => [subjectOf(line), belowOf(line) ?? []].flat().join(', '),
    ],
    ['Outcome', 'w-l', (line) => <Outcome record={line} />, ({ code }) => code && titleOf(code)],
  ];
  return (
    <div class="panel">
      <Table
        class="audit"
        columns={columns}
        items={withParts(lines)}
        keyOf={(line) => `${line.depth}-${keyOf(line)}`}
        onOpen={onOpen}
        rowClass={(line) =>
          [
            line.breakGlass === true ? 'break-glass' : [],
            names.whoIn(line).kind === 'job' ? 'of-job' : [],
            line.depth === undefined ? [] : 'part',
          ]
            .flat()
            .join(' ')
        }
        groupsOf={(items) =>
          byDay(items, ({ at }) => at).map((day, place, { length }) => ({
            ...day,
            head:
              // Of one outcome, each line says it.
              context.filter.outcome !== undefined ||
              isSearching === true ||
              (hasMore === true && place === length - 1) ? (
                <b>{day.title}</b>
              ) : (
                <DayHead {...day} />
              ),
          }))
        }
      />
      {open === undefined ? null : (
        <RecordDrawer
          record={open}
          {...context}
          onNewer={stepTo(-1)}
          onOlder={stepTo(1)}
          onClose={() => setOpen(undefined)}
        />
      )}
    </div>
  );
}

/** A day, and what of its records was refused or failed: that is what most readers look for. */
function DayHead({ title, items }: { readonly title: string; readonly items: readonly Line[] }) {
  const { byPolicy, ...others } = talliedOf(
    items.flatMap(({ depth, equal, ...line }) => (depth === undefined ? (equal ?? [line]) : [])),
  );
  return (
    <>
      <b>{title}</b> <span class="small problem">{othersIn({ byPolicy })}</span>{' '}
      <span class="small quiet">{othersIn(others).join(', ')}</span>
    </>
  );
}

/** The two records of a request through the gateway share their id, and the steps of approvals have none of their own. */
const keyOf = ({ tokenId, outcome, approvalId = '', at }: AuditRecord): string =>
  `${tokenId}-${outcome}-${approvalId}-${Date.parse(at)}`;

/** Of the records of a line: newer ones do not change it. A run and the last of its lines have the same oldest one. */
const keyOfOldest = (equal: readonly ShownRecord[], depth: number): string =>
  `${depth} ${equal.slice(-1).map(keyOf).join('')}`;

const icons = { person: undefined, application: 'api', agent: 'api', job: 'jobs' } as const;

interface RecordProps extends TableContext {
  readonly record: Line;
}

interface OpenProps extends Pick<RecordProps, 'record' | 'names'> {
  readonly onOpen: (line: Line) => void;
}

/** Opens the drawer of a record. */
const Opener = ({ record, names, onOpen }: OpenProps) => (
  <button type="button" class="link" aria-haspopup="dialog" onClick={() => onOpen(record)}>
    <Clock iso={record.at} exact />
    <span class="visually-hidden">{`, details of ${aboutOf(record, names)}`}</span>
  </button>
);

function Caller({ record, filter, names }: RecordProps) {
  const { applicationId } = record.caller;
  const { kind, name } = names.whoIn(record);
  return (
    <span class="who-cell">
      <Face name={name} icon={icons[kind]} />
      <a
        class="cut"
        href={auditLink({ ...filter, caller: applicationId })}
        title={`${name}, application ${applicationId}`}
      >
        {name}
      </a>
    </span>
  );
}

function Tenant({ record, filter, names }: RecordProps) {
  const { tenantId, equal = [] } = record;
  const tenant = tenantOf(record, names);
  if (tenant === '') return null;
  return tenantId === undefined || equal.some((other) => other.tenantId !== tenantId) || tenantId === nilUuid ? (
    <span class="quiet">{tenant}</span>
  ) : (
    <a href={auditLink({ ...filter, tenant: tenantId })} title={`${tenant}, ${tenantId}`}>
      {tenant}
    </a>
  );
}
