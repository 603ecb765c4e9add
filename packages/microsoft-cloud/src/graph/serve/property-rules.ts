import type { PropertyRule } from '../declaration.ts';
import { GraphError } from '../graph-error.ts';
import type { Expression, QueryOptions } from '../odata/expression.ts';
import { shortName, type TypeInfo } from '../schema/schema.ts';
import type { Located, Places } from './locate.ts';
import { findProperty } from './project.ts';
import type { Target } from './steps.ts';

/** A request, as far as its properties have rules. */
export interface Used {
  readonly target: Target;
  readonly located: Located;
  readonly options: QueryOptions;
  readonly places: Places;
}

/**
 * The rules of the properties that a request uses, also in `$expand`. A property has the rules of the set that is the home
 * of its type, on whichever path the objects are reached.
 */
export function usedRules({ target, located, options, places }: Used): readonly PropertyRule[] {
  const { ending } = target;
  const own = Object.entries(located.declared?.properties ?? {});
  const names = ending.kind === 'property' ? [ending.property.name.toLowerCase()] : [];
  const ofPath = [...own, ...rulesOfType(target.type, places)].flatMap(([name, rule]) =>
    names.includes(name.toLowerCase()) || uses(options, name.toLowerCase()) ? [rule] : [],
  );
  return [...new Set([...ofPath, ...expandedRules(options, target.type, places)])];
}

/** @throws GraphError for a property that Graph returns for one object only. Both texts were seen in public threads. */
export function checkListed({ target, options, places }: Used): void {
  const { ending, isList } = target;
  if (!isList || ending.kind === 'property') return;
  const selected = new Set((options.select ?? []).map(firstOf));
  const isWrong = rulesOfType(target.type, places).some(
    ([name, { objectOnly }]) => objectOnly === true && selected.has(name.toLowerCase()),
  );
  if (!isWrong) return;
  throw ending.kind === 'delta'
    ? new GraphError(400, 'Request_UnsupportedQuery', 'Invalid Request: $select is not supported for these properties')
    : new GraphError(501, 'NotImplemented', 'This operation target is not yet supported.');
}

function expandedRules({ expand }: QueryOptions, type: TypeInfo, places: Used['places']): readonly PropertyRule[] {
  return expand.flatMap(({ navigation, cast, options }) => {
    const property = findProperty(navigation, type, places.schema);
    const inner = places.schema.type(cast ?? property?.typeName ?? '');
    if (inner === undefined) return [];
    const ofList = rulesOfType(inner, places).flatMap(([name, rule]) =>
      uses(options, name.toLowerCase()) ? [rule] : [],
    );
    return [...ofList, ...expandedRules(options, inner, places)];
  });
}

/** The rules of all sets whose objects may be in a list of this type. */
const rulesOfType = (
  type: TypeInfo,
  { catalog, schema }: Used['places'],
): readonly (readonly [string, PropertyRule])[] =>
  catalog.all.flatMap((each) => {
    if (each.kind !== 'set' || each.properties === undefined) return [];
    const own = schema.type(each.type);
    const isPossible = own !== undefined && (own.isA(type.name) || type.isA(shortName(each.type)));
    return isPossible ? Object.entries(each.properties) : [];
  });

/** Whether a query names a property. @param name in lower case. */
export const uses = ({ select, filter, orderBy }: QueryOptions, name: string): boolean =>
  (select ?? []).some((path) => firstOf(path) === name) ||
  (filter !== undefined && namesIn(filter).includes(name)) ||
  orderBy.some(({ expression }) => namesIn(expression).includes(name));

/** The first segment of a path after a cast, in lower case. */
const firstOf = (path: readonly string[]): string =>
  (path.find((segment) => !segment.includes('.')) ?? '').toLowerCase();

/** The first segments of the paths of an expression, in lower case. */
export function namesIn(expression: Expression): readonly string[] {
  switch (expression.kind) {
    case 'path':
    case 'count':
      return [firstOf(expression.segments)];
    case 'call':
      return expression.parameters.flatMap(namesIn);
    case 'and':
    case 'or':
    case 'comparison':
      return [...namesIn(expression.left), ...namesIn(expression.right)];
    case 'in':
      return namesIn(expression.left);
    case 'not':
      return namesIn(expression.inner);
    case 'lambda':
      return [firstOf(expression.segments)];
    case 'literal':
      return [];
  }
}
