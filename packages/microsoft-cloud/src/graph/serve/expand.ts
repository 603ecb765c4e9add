import type { Row } from '../declaration.ts';
import type { CompileContext } from '../odata/compile.ts';
import type { Expand, QueryOptions } from '../odata/expression.ts';
import { noSkip } from '../odata/directory-rules.ts';
import { QueryError } from '../odata/tokens.ts';
import type { Property, TypeInfo } from '../schema/schema.ts';
import { atHome, type Located, type Places, rowsOf } from './locate.ts';
import { type ListRules, listRules, queried } from './page.ts';
import { createProjection, findProperty, type Projected, unknownProperty } from './project.ts';
import { isMixed } from './sight.ts';

/** Objects that an expanded navigation of the directory returns at most. Source: "Use query parameters", `$expand`. */
const maxExpanded = 20;
/** Chains such as `manager` end here, if they do not end before. */
const maxLevels = 100;

/** Turns rows of one place into what a reply shows, with the navigations that `$expand` names. */
export type Shaper = (row: Row, located: Located) => Projected;

/** @throws QueryError for a navigation or property that the type does not have. */
export function createShaper(
  options: QueryOptions,
  type: TypeInfo,
  places: Places,
  byDefault?: readonly string[],
): Shaper {
  const project = createProjection({ schema: places.schema, type, select: options.select, byDefault });
  const expansions = options.expand.map((each) => createExpansion(each, type, places));
  if (expansions.length === 0) return project;
  return (row, located) => {
    const reply = project(row);
    for (const expand of expansions) expand(reply, located);
    return reply;
  };
}

type Expansion = (reply: Projected, located: Located) => void;

function createExpansion(expand: Expand, type: TypeInfo, places: Places): Expansion {
  const property = navigationOf(expand, type, places);
  const { schema } = places;
  const inner = schema.type(expand.cast ?? property.typeName) ?? type;
  const rules = listRules({}, inner);
  if (rules.isDirectory && expand.options.skip !== undefined) throw new QueryError(noSkip);
  const context = contextOf(inner, places);
  const nested: QueryOptions =
    expand.levels > 1
      ? {
          ...expand.options,
          expand: [...expand.options.expand, { ...expand, levels: Math.min(expand.levels, maxLevels) - 1 }],
        }
      : expand.options;
  // Levels would compile the same options again and again, so they are compiled when an object is reached.
  let shape: Shaper | undefined;
  const shaped = (row: Row, located: Located): Projected => {
    shape ??= createShaper(nested, inner, places);
    return shape(row, located);
  };
  // Compiled once here, so that a mistake is an error although no object is expanded.
  createShaper({ ...nested, expand: expand.options.expand }, inner, places);
  queried([], expand.options, context, rules);
  return (reply, located) => {
    const list = relatedOf(located, property, expand, places);
    const found = rowsOf(list, places);
    const visible = isMixed(list.declared) ? found.map((row) => places.sight(row, inner)) : found;
    const rows = limited(queried(visible, expand.options, context, rules), expand.options, rules);
    const objects = rows.map((row) => shaped(row, placeOf(list, row, places)));
    if (property.isList) reply[property.name] = objects;
    else if (objects[0] !== undefined) reply[property.name] = objects[0];
  };
}

function navigationOf({ navigation, cast }: Expand, type: TypeInfo, { schema }: Places): Property {
  const found = findProperty(navigation, type, schema);
  if (found === undefined || (found.kind !== 'navigation' && cast === undefined && found.kind !== 'complex'))
    throw unknownProperty(navigation, type);
  return found;
}

/** What filters and sorting of a navigation look names up in. */
const contextOf = (type: TypeInfo, { schema, view }: Places): CompileContext => ({
  schema,
  type,
  nowMs: view.world.clock.nowMs(),
});

function limited(rows: readonly Row[], { top, skip = 0 }: QueryOptions, { isDirectory }: ListRules): readonly Row[] {
  const most = isDirectory ? maxExpanded : Number.POSITIVE_INFINITY;
  return rows.slice(skip, skip + Math.min(top ?? most, most));
}

/** The list behind a navigation of an object. */
function relatedOf(
  located: Located,
  property: Property,
  { cast }: Expand,
  { catalog, schema, guess }: Places,
): Located {
  const pattern = `${located.pattern}/${property.name}`.toLowerCase();
  const declared = catalog.at(pattern);
  if (declared === undefined) guess();
  return {
    ...located,
    declared,
    pattern,
    row: undefined,
    cast: cast === undefined ? undefined : schema.type(cast),
  };
}

/** Where an object of a list is, for its own navigations. */
export function placeOf(list: Located, row: Row, places: Places): Located {
  const { declared } = list;
  if (declared?.kind !== 'set') return atHome(list, row, places);
  const written = row['@odata.type'];
  const home = typeof written === 'string' ? places.catalog.homeOf(written) : undefined;
  if (home !== undefined && home !== declared && !list.pattern.includes('{}')) return atHome(list, row, places);
  return {
    ...list,
    pattern: `${list.pattern}/{}`,
    keys: [...list.keys, String(row[declared.key ?? 'id'])],
    row,
    set: declared,
  };
}
