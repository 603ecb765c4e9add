import { type Pair, recordOf } from './pair.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

/** The parts of a reply's shape. Values do not count. */
export const aspects = ['status', 'headers', 'names', 'types', 'nulls', 'order', 'paging'] as const;
export type Aspect = (typeof aspects)[number];

/** One fact of a recorded reply, held against the simulated reply. */
export interface Check {
  readonly aspect: Aspect;
  /** What differs. Undefined if the simulation reproduces the fact. */
  readonly difference: string | undefined;
}

const check = (aspect: Aspect, isSame: boolean, difference: string): Check => ({
  aspect,
  difference: isSame ? undefined : difference,
});

/** Holds each fact of a recorded reply against the simulated one. With another status, no other fact is comparable. */
export function checksOf(pair: Pair, answer: Answer): readonly Check[] {
  const { response, isPartial } = pair;
  const { status, body } = response;
  if (status !== answer.status) return [check('status', false, `status ${status}, simulated ${answer.status}`)];
  const [code, simulated] = [codeOf(body), codeOf(answer.body)];
  return [
    check('status', code === simulated, `error code ${code ?? 'none'}, simulated ${simulated ?? 'none'}`),
    ...headerChecks(response.headers, answer.headers),
    ...(body === undefined ? [] : shapeChecks(body, answer.body, { path: '', isPartial: isPartial === true })),
    ...(body === undefined ? [] : listChecks(pair, answer.body)),
  ];
}

/** What differs between a recorded reply and that of the simulation. */
export const differencesOf = (pair: Pair, answer: Answer): readonly string[] =>
  checksOf(pair, answer).flatMap(({ difference }) => (difference === undefined ? [] : [difference]));

function codeOf(body: unknown): string | undefined {
  const { code } = recordOf(recordOf(body)['error']);
  return typeof code === 'string' ? code : undefined;
}

/** `array`, `null` and the types of JSON. */
const typeOf = (value: unknown): string =>
  Array.isArray(value) ? 'array' : value === null ? 'null' : value === undefined ? 'missing' : typeof value;

interface Place {
  readonly path: string;
  readonly isPartial: boolean;
}

function shapeChecks(recorded: unknown, simulated: unknown, place: Place): readonly Check[] {
  const [one, other] = [typeOf(recorded), typeOf(simulated)];
  // What may be null says nothing about its other type.
  if (one === 'null' || other === 'null') return [];
  const name = place.path === '' ? 'body' : place.path;
  const type = check('types', one === other, `${name}: ${one}, simulated ${other}`);
  if (one !== other) return [type];
  if (one === 'array') return [type, ...itemChecks(recorded as unknown[], simulated as unknown[], place)];
  return one === 'object' ? [type, ...memberChecks(recordOf(recorded), recordOf(simulated), place)] : [type];
}

/** They depend on the data, and are checked as paging. */
const isLink = (name: string): boolean => /^@odata\.(?:nextLink|deltaLink|count)$/.test(name);

type Members = Readonly<Record<string, unknown>>;

function memberChecks(left: Members, right: Members, { path, isPartial }: Place): readonly Check[] {
  const names = isPartial ? Object.keys(left) : [...new Set([...Object.keys(left), ...Object.keys(right)])];
  return names
    .filter((name) => !isLink(name))
    .flatMap((name) => {
      const at = path === '' ? name : `${path}.${name}`;
      const [one, other] = [left, right].map((each) => typeOf(Object.hasOwn(each, name) ? each[name] : undefined));
      const difference = `${at}: ${one}, simulated ${other}`;
      const isInBoth = one !== 'missing' && other !== 'missing';
      // A property that is there as null is another thing than one that is left out.
      const presence = check(one === 'null' || other === 'null' ? 'nulls' : 'names', isInBoth, difference);
      if (!isInBoth) return [presence];
      const more =
        name === '@odata.context'
          ? contextChecks(left[name], right[name], at)
          : shapeChecks(left[name], right[name], { path: at, isPartial });
      return [presence, ...more];
    });
}

/** What a context names, without host and keys. */
const contextOf = (value: unknown): string | undefined =>
  typeof value === 'string' ? value.split(/\$metadata#(.*)/s, 2)[1]?.replaceAll(/'[^']*'/g, "''") : undefined;

function contextChecks(recorded: unknown, simulated: unknown, at: string): readonly Check[] {
  const [one, other] = [contextOf(recorded), contextOf(simulated)];
  // Examples of the documentation may have no context that tells something.
  return one === undefined ? [] : [check('names', one === other, `${at}: ${one}, simulated ${other ?? 'none'}`)];
}

/** Compares the items of each type together, because one item may lack what another has. */
function itemChecks(recorded: readonly unknown[], simulated: readonly unknown[], place: Place): readonly Check[] {
  if (recorded.length === 0 || simulated.length === 0) return [];
  const at = { ...place, path: `${place.path}[]` };
  const [left, right] = [recorded, simulated].map(byType) as [Groups, Groups];
  const common = [...left.keys()].filter((type) => right.has(type));
  return common.length === 0
    ? shapeChecks(merged(recorded), merged(simulated), at)
    : common.flatMap((type) => shapeChecks(merged(left.get(type) ?? []), merged(right.get(type) ?? []), at));
}

type Groups = ReadonlyMap<unknown, readonly unknown[]>;
const byType = (items: readonly unknown[]): Groups => Map.groupBy(items, (item) => recordOf(item)['@odata.type']);

/** One value with what any of the values has. */
function merged(values: readonly unknown[]): unknown {
  const [first = null, ...others] = values.filter((value) => value !== null && value !== undefined);
  if (Array.isArray(first)) return [first, ...others].filter(Array.isArray).flat();
  if (typeof first !== 'object' || first === null) return first;
  const records = [first, ...others].map(recordOf);
  const names = new Set(records.flatMap((each) => Object.keys(each)));
  return Object.fromEntries([...names].map((name) => [name, merged(records.map((each) => each[name]))]));
}

function listChecks({ request, response, isPartial }: Pair, simulated: unknown): readonly Check[] {
  const { body, list } = response;
  const [left, right] = [recordOf(body), recordOf(simulated)];
  const items = Array.isArray(right['value']) ? right['value'] : [];
  const query = new URLSearchParams(request.path.split(/\?(.*)/s, 2)[1] ?? '');
  const sorted = isSorted(items, query.get('$orderby'));
  const isWithinTop = items.length <= Number(query.get('$top'));
  const said = (is: boolean | undefined): string => (is === true ? 'as asked' : 'not as asked');
  return [
    ...(list?.isSorted === undefined || sorted === undefined
      ? []
      : [check('order', list.isSorted === sorted, `order: ${said(list.isSorted)}, simulated ${said(sorted)}`)]),
    ...(list?.isWithinTop === undefined
      ? []
      : [
          check(
            'paging',
            list.isWithinTop === isWithinTop,
            `$top: ${said(list.isWithinTop)}, simulated ${said(isWithinTop)}`,
          ),
        ]),
    ...(query.get('$count') === 'true' && isPartial !== true
      ? [
          check(
            'paging',
            typeOf(left['@odata.count']) === typeOf(right['@odata.count']),
            `@odata.count: ${typeOf(left['@odata.count'])}, simulated ${typeOf(right['@odata.count'])}`,
          ),
        ]
      : []),
    ...linkChecks(left, right),
  ];
}

/** Whether a list ends depends on the data. If both go on, the links have the same parameters. */
function linkChecks(left: Members, right: Members): readonly Check[] {
  return ['@odata.nextLink', '@odata.deltaLink'].flatMap((name) => {
    const [one, other] = [parametersOf(left[name]), parametersOf(right[name])];
    if (one === undefined || other === undefined) return [];
    return [check('paging', one === other, `${name}: ${one}, simulated ${other}`)];
  });
}

function parametersOf(link: unknown): string | undefined {
  const [, query] = typeof link === 'string' ? link.split(/\?(.*)/s, 2) : [];
  return query === undefined ? undefined : [...new URLSearchParams(query).keys()].toSorted().join(' ');
}

/**
 * Whether the items are in the order of the first property that `$orderby` names. Undefined if they cannot tell: less than two
 * different values of one type.
 */
export function isSorted(items: readonly unknown[], orderby: string | null): boolean | undefined {
  const [property = '', direction = 'asc'] = (orderby ?? '').split(',', 1)[0]?.trim().split(/\s+/) ?? [];
  const values = items.map((item) => property.split('/').reduce((value: unknown, name) => recordOf(value)[name], item));
  const known = values.filter((value) => typeof value === 'string' || typeof value === 'number');
  if (property === '' || new Set(known).size < 2 || new Set(known.map((value) => typeof value)).size > 1)
    return undefined;
  const sign = direction.toLowerCase() === 'desc' ? -1 : 1;
  return known.every((value, index) => index === 0 || sign * compare(known[index - 1] ?? '', value) <= 0);
}

const compare = (left: string | number, right: string | number): number =>
  typeof left === 'number' && typeof right === 'number'
    ? left - right
    : String(left).localeCompare(String(right), 'en', { sensitivity: 'base' });

/** Headers that change what a client does. */
const compared = ['content-type', 'odata-version', 'www-authenticate', 'retry-after', 'location', 'preference-applied'];
/** Of these only the presence counts. */
const presence: ReadonlySet<string> = new Set(['retry-after', 'location', 'www-authenticate']);

const headerChecks = (
  recorded: Readonly<Record<string, string>>,
  simulated: Readonly<Record<string, string>>,
): readonly Check[] =>
  compared.flatMap((name) => {
    const [one, other] = [recorded, simulated].map((headers) =>
      presence.has(name) && headers[name] !== undefined ? 'present' : mediaTypeOf(headers[name]),
    );
    // A header that a recording lacks may have been left out of it.
    return one === undefined
      ? []
      : [check('headers', one === other, `header ${name}: ${one}, simulated ${other ?? 'missing'}`)];
  });

const mediaTypeOf = (value: string | undefined): string | undefined => value?.split(';', 1)[0]?.trim().toLowerCase();
