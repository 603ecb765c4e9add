/** Versions of Microsoft Graph. */
export type Version = 'v1.0' | 'beta';

/** What the description of a property says about `$filter`. */
type FilterSupport = 'unsaid' | 'any' | ReadonlySet<string>;

export interface Property {
  readonly name: string;
  readonly kind: 'text' | 'boolean' | 'number' | 'time' | 'any' | 'enum' | 'complex' | 'navigation';
  /** Name of the type, for `enum`, `complex` and `navigation`. */
  readonly typeName: string;
  readonly isList: boolean;
  /** Returned only if `$select` names it. */
  readonly onSelect: boolean;
  /** Set by the service only. */
  readonly readOnly: boolean;
  readonly sorts: boolean;
  readonly searched: boolean;
  readonly filters: FilterSupport;
}

/** An entity or a complex type. Names have no `microsoft.graph.`. */
export interface TypeInfo {
  readonly name: string;
  readonly isEntity: boolean;
  /** A property of the type or of its bases. Letter case does not matter. */
  find(name: string): Property | undefined;
  /** All properties, those of the bases first. */
  properties(): readonly Property[];
  /** Whether it is the type or derives from it. */
  isA(name: string): boolean;
}

export interface Schema {
  readonly version: Version;
  /** @param name with or without `#` and `microsoft.graph.`. Letter case does not matter. */
  type(name: string): TypeInfo | undefined;
  /** The members of an enumeration. */
  members(name: string): readonly string[] | undefined;
  /** Whether a type derives from another one, directly or not. */
  derived(base: string): readonly TypeInfo[];
}

const operatorOf: Readonly<Record<string, string>> = {
  e: 'eq',
  n: 'ne',
  x: 'not',
  g: 'ge',
  l: 'le',
  G: 'gt',
  L: 'lt',
  i: 'in',
  s: 'startswith',
  w: 'endswith',
  c: 'contains',
};
const kindOf: Readonly<Record<string, Property['kind']>> = {
  s: 'text',
  b: 'boolean',
  n: 'number',
  d: 'time',
  a: 'any',
};

/** `microsoft.graph.user` and `#microsoft.graph.user` → `user`. */
export const shortName = (name: string): string => name.replace(/^#/, '').replace(/^(?:microsoft\.)?graph\./i, '');

/** Types are read when they are first asked for: a request uses a few of three thousand. */
class Table implements Schema {
  readonly version: Version;
  readonly #lines = new Map<string, readonly string[]>();
  readonly #types = new Map<string, TypeInfo | undefined>();

  constructor(version: Version, texts: readonly string[]) {
    this.version = version;
    for (const text of texts) {
      for (const line of text.split('\n')) {
        if (line === '') continue;
        const end = line.search(/[ :]|$/);
        const name = line.slice(0, end).toLowerCase();
        this.#lines.set(name, [...(this.#lines.get(name) ?? []), line]);
      }
    }
  }

  type(name: string): TypeInfo | undefined {
    const key = shortName(name).toLowerCase();
    if (!this.#types.has(key)) this.#types.set(key, this.#read(key));
    return this.#types.get(key);
  }

  members(name: string): readonly string[] | undefined {
    return this.#lines.get(`#${shortName(name).toLowerCase()}`)?.flatMap((line) => line.split(' ').slice(1));
  }

  derived(base: string): readonly TypeInfo[] {
    return [...this.#lines.keys()].flatMap((name) => {
      const type = name.startsWith('#') ? undefined : this.type(name);
      return type?.isA(base) === true ? [type] : [];
    });
  }

  #read(key: string): TypeInfo | undefined {
    const lines = this.#lines.get(key);
    if (lines === undefined || key.startsWith('#')) return undefined;
    const [name = '', baseName] = (lines[0] ?? '').split(' ', 1)[0]?.split(':') ?? [];
    const base = baseName === undefined ? undefined : this.type(baseName);
    const words = lines.flatMap((line) => line.split(' ').slice(1));
    return createType(name, base, () => words.map((word) => this.#property(word)));
  }

  #property(word: string): Property {
    const [, name = '', type = '', list, flags = ''] = /^([^=]+)=([^*!]+)(\*?)(?:!(.*))?$/.exec(word) ?? [];
    const filter = /f(?:\(([^)]*)\))?$/.exec(flags);
    const plainFlags = filter === null ? flags : flags.slice(0, filter.index);
    return {
      name,
      kind: kindOf[type] ?? this.#kindOf(type),
      typeName: type,
      isList: list === '*',
      onSelect: plainFlags.includes('$'),
      readOnly: plainFlags.includes('r'),
      sorts: plainFlags.includes('o'),
      searched: plainFlags.includes('q'),
      filters: filter === null ? 'unsaid' : filterSupport(filter[1]),
    };
  }

  #kindOf(typeName: string): Property['kind'] {
    if (this.#lines.has(`#${typeName.toLowerCase()}`)) return 'enum';
    return this.type(typeName)?.isEntity === true ? 'navigation' : 'complex';
  }
}

const filterSupport = (letters: string | undefined): FilterSupport =>
  letters === undefined ? 'any' : new Set(letters.split('').map((letter) => operatorOf[letter] ?? letter));

function createType(name: string, base: TypeInfo | undefined, read: () => readonly Property[]): TypeInfo {
  let own: readonly Property[] | undefined;
  let byName: ReadonlyMap<string, Property> | undefined;
  // Read late: a type may refer to itself.
  const properties = (): readonly Property[] => {
    own ??= [...(base?.properties() ?? []), ...read()];
    return own;
  };
  return {
    name,
    isEntity: name === 'entity' || base?.isEntity === true,
    properties,
    find: (wanted) => {
      byName ??= new Map(properties().map((property) => [property.name.toLowerCase(), property]));
      return byName.get(wanted.toLowerCase());
    },
    isA: (wanted) => name.toLowerCase() === shortName(wanted).toLowerCase() || base?.isA(wanted) === true,
  };
}

const tables = new Map<Version, Schema>();
let texts: { readonly stableTypes: string; readonly betaTypes: string } | undefined;

/** Loads the table of types, which is large. Needed before `schemaOf`. */
export async function loadTypes(): Promise<void> {
  texts ??= await import('./table.ts');
}

/**
 * Types that the typings have in beta only, although version 1.0 has them: tenant configuration management, since April 2026.
 */
const newInStable = new Set(
  [
    'baselineParameter baselineResource configurationBaseline configurationDrift configurationManagement',
    'configurationMonitor configurationMonitoringResult configurationSnapshotJob driftedProperty errorDetail',
    'openComplexDictionaryType #baselineParameterType #driftStatus #monitorMode #monitorRunStatus #monitorStatus',
    '#snapshotJobStatus',
  ].flatMap((line) => line.split(' ')),
);

/** The lines of a table that describe these types. */
const linesOf = (text: string, types: ReadonlySet<string>): string =>
  text
    .split('\n')
    .filter((line) => types.has(line.slice(0, line.search(/[ :]|$/))))
    .join('\n');

/**
 * Properties of version 1.0 that the typings have in beta only. `resourceProvisioningOptions` tells which groups are teams
 * ("List all teams").
 */
const notInTypings = `group resourceBehaviorOptions=s* resourceProvisioningOptions=s*!f
admin configurationManagement=configurationManagement
configurationMonitor inactivationReason=s lastModifiedBy=identitySet`;

/** The schema of a version. Read once, on first use. @throws Error before `loadTypes`. */
export function schemaOf(version: Version): Schema {
  const known = tables.get(version);
  if (known !== undefined) return known;
  if (texts === undefined) throw new Error('The types of Microsoft Graph are not loaded.');
  const { stableTypes, betaTypes } = texts;
  const table = new Table(
    version,
    version === 'beta' ? [stableTypes, betaTypes] : [stableTypes, linesOf(betaTypes, newInStable), notInTypings],
  );
  tables.set(version, table);
  return table;
}
