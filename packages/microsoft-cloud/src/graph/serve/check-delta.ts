import type { QueryOptions } from '../odata/expression.ts';
import { GraphError } from '../graph-error.ts';
import type { TypeInfo } from '../schema/schema.ts';
import type { Catalog } from './catalog.ts';
import type { Step, Target } from './steps.ts';

/**
 * Collections whose changes Graph tracks, of those for which the simulated cloud does not. Source: the table of "Use delta
 * query to track changes in Microsoft Graph data".
 */
const tracked =
  /^(?:applications|contacts|(?:directory\/)?administrativeunits|directoryroles|oauth2permissiongrants|serviceprincipals|sites|education\/(?:classes|schools|users)|communications\/\w+|.+\/(?:mailfolders|contactfolders|contacts|calendarview|lists|tasks|items)|.+\/(?:mailfolders|channels)\/\{\}\/messages)$/;

/** `users/{}/messages`, in lower case. */
const patternOf = (steps: readonly Step[]): string =>
  steps
    .flatMap((step) => (step.kind === 'place' ? [step.name] : step.kind === 'key' ? ['{}'] : []))
    .join('/')
    .toLowerCase();

/** Whether the simulated cloud answers `/delta` of a list, or Graph does. @throws GraphError 400 if Graph does not. */
export function checkDelta(
  { steps, type }: Target,
  options: QueryOptions,
  { catalog, isListed }: { readonly catalog: Catalog; readonly isListed: boolean },
): 'answered' | 'tracked' {
  const pattern = patternOf(steps);
  const declared = catalog.at(pattern);
  if (declared?.kind === 'set' && declared.delta === true) return 'answered';
  if (pattern === 'directoryobjects' && options.filter === undefined)
    throw unsupported('Delta query is not supported for directoryObjects without a valid resource type or id filter.');
  if (isListed || tracked.test(pattern) || pattern === 'directoryobjects') return 'tracked';
  throw untracked(type);
}

const unsupported = (message: string): GraphError => new GraphError(400, 'Request_UnsupportedQuery', message);

/** Both texts were seen in public logs of requests to Graph. */
const untracked = (type: TypeInfo): GraphError =>
  type.isA('directoryObject')
    ? unsupported(
        `Differential query is not supported for entity type: ${type.name.charAt(0).toUpperCase()}${type.name.slice(1)}`,
      )
    : new GraphError(
        400,
        'BadRequest',
        `Unsupported request: Change tracking is not supported against 'microsoft.graph.${type.name}'.`,
      );
