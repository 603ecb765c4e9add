import { type Pair, recordOf } from './pair.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

/** What differs between a recorded reply and that of the simulation. Values do not count: status, code, types and headers do. */
export function differencesOf({ response, isPartial }: Pair, answer: Answer): readonly string[] {
  if (response.status !== answer.status) return [`status ${response.status}, simulated ${answer.status}`];
  const [code, simulated] = [codeOf(response.body), codeOf(answer.body)];
  return [
    ...(code === simulated ? [] : [`error code ${code ?? 'none'}, simulated ${simulated ?? 'none'}`]),
    ...(response.body === undefined
      ? []
      : typeDifferences(response.body, answer.body, { path: '', isPartial: isPartial === true })),
    ...headerDifferences(response.headers, answer.headers),
  ];
}

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

function typeDifferences(recorded: unknown, simulated: unknown, { path, isPartial }: Place): readonly string[] {
  const [one, other] = [typeOf(recorded), typeOf(simulated)];
  // A property that may be null says nothing about its other type.
  if (one === 'null' || other === 'null') return [];
  if (one !== other) return [`${path === '' ? 'body' : path}: ${one}, simulated ${other}`];
  if (Array.isArray(recorded)) return itemDifferences(recorded, simulated as readonly unknown[], { path, isPartial });
  if (one !== 'object') return [];
  const [left, right] = [recordOf(recorded), recordOf(simulated)];
  const names = isPartial ? Object.keys(left) : [...new Set([...Object.keys(left), ...Object.keys(right)])];
  return names.flatMap((name) => {
    const at = path === '' ? name : `${path}.${name}`;
    // An absent null, link or context depends on data, not on the kind of answer.
    if (/^@odata\.(?:nextLink|deltaLink|count)$/.test(name)) return [];
    if (!Object.hasOwn(left, name))
      return right[name] === null ? [] : [`${at}: missing, simulated ${typeOf(right[name])}`];
    return typeDifferences(left[name], right[name], { path: at, isPartial });
  });
}

/** Compares the first item that both lists have. */
const itemDifferences = (
  recorded: readonly unknown[],
  simulated: readonly unknown[],
  place: Place,
): readonly string[] =>
  recorded.length === 0 || simulated.length === 0
    ? []
    : typeDifferences(recorded[0], simulated[0], { ...place, path: `${place.path}[]` });

/** Headers that change what a client does. */
const compared = ['content-type', 'odata-version', 'www-authenticate', 'retry-after', 'location', 'preference-applied'];
/** Of these only the presence counts. */
const presence: ReadonlySet<string> = new Set(['retry-after', 'location', 'www-authenticate']);

const headerDifferences = (
  recorded: Readonly<Record<string, string>>,
  simulated: Readonly<Record<string, string>>,
): readonly string[] =>
  compared.flatMap((name) => {
    const [one, other] = [recorded, simulated].map((headers) =>
      presence.has(name) && headers[name] !== undefined ? 'present' : mediaTypeOf(headers[name]),
    );
    // A header that a recording lacks may have been left out of it.
    return one === undefined || one === other ? [] : [`header ${name}: ${one}, simulated ${other ?? 'missing'}`];
  });

const mediaTypeOf = (value: string | undefined): string | undefined => value?.split(';', 1)[0]?.trim().toLowerCase();
