import { badRequest, GraphError } from '../graph-error.ts';
import type { Property, Schema, TypeInfo } from '../schema/schema.ts';

/** The body of a write, split into what it sets and what it refers to. */
export interface WriteBody {
  readonly values: Readonly<Record<string, unknown>>;
  /** Navigation → addresses, from `members@odata.bind`. */
  readonly bound: ReadonlyMap<string, readonly string[]>;
}

const badBody = (message: string): GraphError => new GraphError(400, 'BadRequest', message);

/**
 * Checks a body against the type that it writes.
 * @throws GraphError 400 for an unknown property or a value of another type.
 */
export function readBody(body: Readonly<Record<string, unknown>>, type: TypeInfo, schema: Schema): WriteBody {
  const own = writtenType(body, type, schema);
  const values: Record<string, unknown> = {};
  const bound = new Map<string, readonly string[]>();
  for (const [name, value] of Object.entries(body)) {
    const [navigation = '', annotation] = name.split('@');
    if (annotation === 'odata.bind') bound.set(navigationName(navigation, own), addresses(value));
    else if (name === '@odata.type') values[name] = `#microsoft.graph.${own.name}`;
    else if (annotation === undefined) setValue(values, { name, value }, own, schema);
  }
  return { values, bound };
}

/** The type that a value names, or the one that is declared. @throws GraphError 400 for a type that does not fit. */
function writtenType(value: Readonly<Record<string, unknown>>, type: TypeInfo, schema: Schema): TypeInfo {
  const written = value['@odata.type'];
  const own = typeof written === 'string' ? schema.type(written) : type;
  if (own?.isA(type.name) === true) return own;
  throw badBody(`A type named '${String(written)}' could not be resolved by the model, or does not fit here.`);
}

function setValue(
  values: Record<string, unknown>,
  { name, value }: { readonly name: string; readonly value: unknown },
  type: TypeInfo,
  schema: Schema,
): void {
  const property = type.find(name);
  if (property === undefined) {
    // A directory extension belongs to an application, not to the schema.
    if (/^extension_[0-9a-f]{32}_\w+$/i.test(name)) values[name] = value;
    else throw unknownProperty(name, type);
    return;
  }
  if (property.kind === 'navigation')
    throw new GraphError(501, 'NotImplemented', `The simulated cloud cannot write '${name}' together with its parent.`);
  checkValue(property, value, schema);
  values[property.name] = value;
}

const unknownProperty = (name: string, type: TypeInfo): GraphError =>
  badBody(
    `The property '${name}' does not exist on type 'microsoft.graph.${type.name}'. Make sure to only use property names that are defined by the type or mark the type as open type.`,
  );

const navigationName = (name: string, type: TypeInfo): string => {
  const property = type.find(name);
  if (property?.kind === 'navigation') return property.name;
  throw badBody(`The property '${name}' does not exist on type 'microsoft.graph.${type.name}'.`);
};

function addresses(value: unknown): readonly string[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (!list.every((each) => typeof each === 'string')) throw badBody('The value of @odata.bind must be an address.');
  return list.map(String);
}

const edmOf: Readonly<Partial<Record<Property['kind'], string>>> = {
  text: 'Edm.String',
  boolean: 'Edm.Boolean',
  number: 'Edm.Int32',
  time: 'Edm.DateTimeOffset',
};

function checkValue(property: Property, value: unknown, schema: Schema): void {
  if (value === null) return;
  if (property.isList) {
    if (!Array.isArray(value)) throw mismatch(property, value);
    for (const each of value as readonly unknown[]) checkValue({ ...property, isList: false }, each, schema);
    return;
  }
  if (!fits(property, value, schema)) throw mismatch(property, value);
  const type = property.kind === 'complex' ? schema.type(property.typeName) : undefined;
  if (type !== undefined) checkParts(type, value as Readonly<Record<string, unknown>>, schema);
}

/** Checks a complex value. @throws GraphError 400 for an unknown property or a value of another type. */
export function checkParts(declared: TypeInfo, value: Readonly<Record<string, unknown>>, schema: Schema): void {
  const type = writtenType(value, declared, schema);
  for (const [name, inner] of Object.entries(value)) {
    if (name.includes('@')) continue;
    const found = type.find(name) ?? inDerived(name, type, schema);
    if (found !== undefined) checkValue(found, inner, schema);
    // A type without properties is open: the typings have dictionaries so.
    else if (type.properties().length > 0) throw unknownProperty(name, type);
  }
}

/** Clients leave the type of a value out, so that it may have properties of a type that derives from the declared one. */
const inDerived = (name: string, type: TypeInfo, schema: Schema): Property | undefined =>
  schema
    .derived(type.name)
    .map((each) => each.find(name))
    .find((property) => property !== undefined);

function fits({ kind, typeName }: Property, value: unknown, schema: Schema): boolean {
  switch (kind) {
    case 'text':
      return typeof value === 'string';
    case 'boolean':
      return typeof value === 'boolean';
    case 'number':
      return typeof value === 'number';
    case 'time':
      return typeof value === 'string' && !Number.isNaN(Date.parse(value));
    case 'enum':
      return typeof value === 'string' && isMember(value, schema.members(typeName));
    case 'complex':
      return typeof value === 'object' && !Array.isArray(value);
    default:
      return true;
  }
}

/** Flags are separated by commas. */
const isMember = (value: string, members: readonly string[] | undefined): boolean =>
  members === undefined ||
  value.split(',').every((each) => members.some((member) => member.toLowerCase() === each.trim().toLowerCase()));

const mismatch = ({ name, kind, typeName }: Property, value: unknown): GraphError =>
  badRequest(
    `Invalid value specified for property '${name}': cannot convert the literal '${JSON.stringify(value).slice(0, 100)}' to the expected type '${edmOf[kind] ?? `microsoft.graph.${typeName}`}'.`,
  );
