import type { Row } from '../declaration.ts';
import { QueryError } from '../odata/tokens.ts';
import { type Property, type Schema, shortName, type TypeInfo } from '../schema/schema.ts';
import { defaultProperties } from './defaults.ts';

export type Projected = Record<string, unknown>;
export type Projection = (row: Row) => Projected;

interface ProjectionOptions {
  readonly schema: Schema;
  /** Type of the list. Rows may have a type that derives from it. */
  readonly type: TypeInfo;
  readonly select: readonly (readonly string[])[] | undefined;
  /** Properties without `$select`. Undefined: those of the type. */
  readonly byDefault: readonly string[] | undefined;
}

/** A property of a reply, and the part of a complex value that is selected. */
interface Selected {
  readonly name: string;
  readonly property: Property | undefined;
  readonly parts: readonly string[] | undefined;
}

/** Directory extensions are properties of an application, which no schema has. */
const extension = /^extension_[0-9a-f]{32}_\w+$/i;

export const unknownProperty = (name: string, type: TypeInfo): QueryError =>
  new QueryError(
    `Parsing OData Select and Expand failed: Could not find a property named '${name}' on type 'microsoft.graph.${type.name}'.`,
  );

/** Makes what a reply shows of a row. @throws QueryError for a property that the type does not have. */
export function createProjection({ schema, type, select, byDefault }: ProjectionOptions): Projection {
  const all = select === undefined || select.some(([name]) => name === '*');
  const chosen = all ? undefined : selection(select, type, schema);
  const perType = new Map<string, readonly Selected[]>();
  const propertiesOf = (row: Row): readonly Selected[] => {
    if (chosen !== undefined) return chosen;
    const written = row['@odata.type'];
    const name = typeof written === 'string' ? shortName(written) : type.name;
    const known = perType.get(name);
    if (known !== undefined) return known;
    const own = schema.type(name) ?? type;
    const found = defaultProperties(own, own === type ? byDefault : undefined).map((each) => ({
      name: each,
      property: own.find(each),
      parts: undefined,
    }));
    perType.set(name, found);
    return found;
  };
  return (row) => projected(row, propertiesOf(row), chosen !== undefined);
}

function projected(row: Row, properties: readonly Selected[], isChosen: boolean): Projected {
  const reply: Projected = {};
  if (row['@odata.type'] !== undefined) reply['@odata.type'] = row['@odata.type'];
  if (row['@odata.etag'] !== undefined) reply['@odata.etag'] = row['@odata.etag'];
  for (const { name, property, parts } of properties) {
    if (Object.hasOwn(row, name)) {
      if (row[name] !== undefined) reply[name] = parts === undefined ? row[name] : partOf(row[name], parts);
    } else if (property?.kind !== 'navigation' && (property !== undefined || !isChosen)) {
      // Objects of mixed types do not have all properties that may be selected.
      if (!isChosen || row['@odata.type'] === undefined) reply[name] = property?.isList === true ? [] : null;
    }
  }
  return reply;
}

function partOf(value: unknown, parts: readonly string[]): unknown {
  if (Array.isArray(value)) return value.map((each) => partOf(each, parts));
  if (typeof value !== 'object' || value === null) return value;
  const [first = '', ...rest] = parts;
  const inner = (value as Row)[first];
  return { [first]: rest.length === 0 ? inner : partOf(inner, rest) };
}

function selection(select: readonly (readonly string[])[], type: TypeInfo, schema: Schema): readonly Selected[] {
  return select.flatMap((path): readonly Selected[] => {
    // `microsoft.graph.user/mail`: a property of the objects of one type.
    const isCast = path.length > 1 && (path[0] ?? '').includes('.');
    const [name = '', ...parts] = isCast ? path.slice(1) : path;
    const from = isCast ? schema.type(path[0] ?? '') : type;
    const property = from === undefined ? undefined : findProperty(name, from, schema);
    if (property === undefined) {
      if (extension.test(name)) return [{ name, property: undefined, parts: undefined }];
      throw unknownProperty(name, from ?? type);
    }
    const isWhole = parts.length === 0;
    if (!isWhole) checkParts(property, parts, schema);
    return [{ name: property.name, property, parts: isWhole ? undefined : parts }];
  });
}

function checkParts(property: Property, parts: readonly string[], schema: Schema): void {
  let type = property.kind === 'complex' ? schema.type(property.typeName) : undefined;
  for (const part of parts) {
    const found = type?.find(part);
    if (found === undefined) throw unknownProperty(part, type ?? { ...emptyType, name: property.typeName });
    type = schema.type(found.typeName);
  }
}

const emptyType: TypeInfo = {
  name: '',
  isEntity: false,
  find: () => undefined,
  properties: () => [],
  isA: () => false,
};

/** Lists of `directoryObject` accept the properties of the types that they hold. */
export const findProperty = (name: string, type: TypeInfo, schema: Schema): Property | undefined =>
  type.find(name) ?? (type.name === 'directoryObject' ? propertyOfDirectory(name, schema) : undefined);

/** The type, with the properties that its lists accept besides. */
export const openType = (type: TypeInfo, schema: Schema): TypeInfo =>
  type.name === 'directoryObject' ? { ...type, find: (name) => findProperty(name, type, schema) } : type;

const directoryTypes = [
  'user',
  'group',
  'device',
  'servicePrincipal',
  'application',
  'orgContact',
  'directoryRole',
  'administrativeUnit',
];

const propertyOfDirectory = (name: string, schema: Schema): Property | undefined =>
  directoryTypes.map((each) => schema.type(each)?.find(name)).find((property) => property !== undefined);
