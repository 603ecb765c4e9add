import type { Property, TypeInfo } from '../schema/schema.ts';
import { isAlsoCompared, isAlwaysSorted, needsAdvancedFilter } from './advanced-properties.ts';
import type { Expression, QueryOptions } from './expression.ts';

/**
 * The limits of queries for directory objects, which OData does not have. Sources: "Advanced query capabilities on
 * directory objects" and the descriptions of the properties, which name the operators that `$filter` supports.
 */
interface DirectoryProblem {
  readonly code: 'Request_UnsupportedQuery' | 'Request_BadRequest' | 'BadRequest';
  readonly message: string;
  /** Nothing says whether Graph refuses it: the description of the property is silent. */
  readonly isGuess?: true;
}

/** Variable of a lambda → the property of the row that it runs over. */
type Variables = ReadonlyMap<string, string>;

interface Checked {
  readonly type: TypeInfo;
  /** Whether the objects are those of a relation: `groups/{id}/members`. */
  readonly isRelation: boolean;
  /** Whether the request has `ConsistencyLevel: eventual` and `$count=true`. */
  readonly isAdvanced: boolean;
  readonly variables: Variables;
}

const unsupported = (message: string): DirectoryProblem => ({ code: 'Request_UnsupportedQuery', message });

const upperFirst = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1);

export const noSkip = "'$skip' is not supported by the service.";

/** Finds what a directory refuses in a query. @param hasHeader whether the request has `ConsistencyLevel: eventual`. */
export function directoryProblem(
  options: QueryOptions,
  { type, isRelation }: Pick<Checked, 'type' | 'isRelation'>,
  hasHeader: boolean,
): DirectoryProblem | undefined {
  const checked: Checked = { type, isRelation, isAdvanced: hasHeader && options.count, variables: new Map() };
  if (options.skip !== undefined) return { code: 'Request_BadRequest', message: noSkip };
  const inExpand = expandProblem(options, checked.isAdvanced);
  if (inExpand !== undefined) return inExpand;
  if (options.search !== undefined && !hasHeader)
    return unsupported(
      "Request with $search query parameter only works through MSGraph with a special request header: 'ConsistencyLevel: eventual'",
    );
  const inFilter =
    options.filter === undefined
      ? undefined
      : (clauseProblem(options.filter, checked) ?? filterProblem(options.filter, checked));
  return inFilter ?? sortProblem(options, checked);
}

/**
 * One navigation, and none in an advanced query ("Advanced query capabilities on directory objects"), except the chain of
 * managers, whose page has it so ("List manager").
 */
function expandProblem({ expand }: QueryOptions, isAdvanced: boolean): DirectoryProblem | undefined {
  // Source of the text: issue 96 of microsoftgraph/microsoft-graph-docs.
  if (expand.length > 1)
    return {
      code: 'BadRequest',
      message: `The result of parsing $expand contained at least ${expand.length} items, but the maximum allowed is 1.`,
    };
  if (isAdvanced && expand.some(({ levels }) => levels === 1))
    return unsupported('$expand is not supported in advanced queries.');
  return undefined;
}

/** Alternatives of a filter. More are accepted in advanced queries. Source: public issue threads of Graph's documentation. */
const maxAlternatives = 15;

function clauseProblem(filter: Expression, { isAdvanced }: Checked): DirectoryProblem | undefined {
  const count = isAdvanced ? 0 : mostAlternatives(filter);
  return count > maxAlternatives
    ? unsupported(
        `Too many child clauses specified in search filter expression containing 'OR' operators: ${count}. Max allowed: ${maxAlternatives}.`,
      )
    : undefined;
}

/** The largest number of alternatives that one `or`, or one `in`, of a filter has. */
function mostAlternatives(expression: Expression): number {
  switch (expression.kind) {
    case 'or':
      return mostAlternatives(expression.left) + mostAlternatives(expression.right);
    case 'and':
      return Math.max(mostAlternatives(expression.left), mostAlternatives(expression.right));
    case 'in':
      return expression.values.length;
    case 'not':
      return mostAlternatives(expression.inner);
    case 'lambda':
      return expression.condition === undefined ? 1 : mostAlternatives(expression.condition.body);
    default:
      return 1;
  }
}

function sortProblem(options: QueryOptions, { type, isRelation, isAdvanced }: Checked): DirectoryProblem | undefined {
  if (options.orderBy.length === 0) return undefined;
  const isUnsorted = options.orderBy.some(({ expression }) => {
    const property = expression.kind === 'path' ? type.find(expression.segments[0] ?? '') : undefined;
    // An unknown property is an error of another kind.
    if (property === undefined || (isAdvanced && orders(property))) return false;
    return isRelation || !isAlwaysSorted(property, type);
  });
  const isCombined = options.filter !== undefined || options.search !== undefined;
  return isUnsorted || (isCombined && !isAdvanced)
    ? unsupported('Sorting not supported for current query.')
    : undefined;
}

const orders = ({ sorts, filters }: Property): boolean =>
  sorts || filters === 'any' || (filters !== 'unsaid' && filters.has('ge'));

function filterProblem(expression: Expression, checked: Checked): DirectoryProblem | undefined {
  switch (expression.kind) {
    case 'and':
    case 'or':
      return filterProblem(expression.left, checked) ?? filterProblem(expression.right, checked);
    case 'not':
      return negation('Not', checked) ?? filterProblem(expression.inner, checked);
    case 'comparison': {
      const { operator, left, right } = expression;
      const needs = operator === 'ne' ? negation('NotEqualsMatch', checked) : undefined;
      const [subject, value] = left.kind === 'literal' ? [right, left] : [left, right];
      const isNull = value.kind === 'literal' && value.literal.type === 'null';
      return needs ?? useProblem(subject, operator === 'ne' ? 'eq' : operator, checked, isNull);
    }
    case 'in':
      return useProblem(expression.left, 'in', checked);
    case 'call':
      return callProblem(expression, checked);
    case 'lambda':
      return lambdaProblem(expression, checked);
    default:
      return undefined;
  }
}

const negation = (operator: string, { isAdvanced }: Checked): DirectoryProblem | undefined =>
  isAdvanced ? undefined : unsupported(`Filter operator '${operator}' is not supported.`);

function callProblem(
  { name, parameters }: Expression & { readonly kind: 'call' },
  checked: Checked,
): DirectoryProblem | undefined {
  const [subject] = parameters;
  if (name === 'isof' || subject === undefined) return undefined;
  if (name === 'endswith' && !checked.isAdvanced)
    return unsupported(
      "Operator 'endsWith' is not supported because the 'ConsistencyLevel:eventual' header is missing.",
    );
  return useProblem(subject, name, checked);
}

function lambdaProblem(
  { quantifier, segments, condition }: Expression & { readonly kind: 'lambda' },
  checked: Checked,
): DirectoryProblem | undefined {
  if (quantifier === 'all') return unsupported("Filter operator 'All' is not supported.");
  if (condition === undefined) return useProblem({ kind: 'path', segments }, 'eq', checked);
  return filterProblem(condition.body, {
    ...checked,
    variables: new Map([...checked.variables, [condition.variable, segments[0] ?? '']]),
  });
}

/** Whether the directory filters by a property with an operator. */
function useProblem(
  subject: Expression,
  operator: string,
  checked: Checked,
  isNull = false,
): DirectoryProblem | undefined {
  if (subject.kind === 'call') return callProblem(subject, checked);
  if (subject.kind !== 'path' && subject.kind !== 'count') return undefined;
  if (subject.kind === 'count' && !checked.isAdvanced) return unsupported('Unsupported Query.');
  const [first = ''] = subject.segments;
  const named = checked.variables.get(first) ?? first;
  const property = checked.type.find(named);
  // Unknown properties are an error of another kind, and navigations can be counted only.
  if (property === undefined || subject.kind === 'count') return undefined;
  const isOpen = checked.isAdvanced || !needsAdvancedFilter(property, checked.type, isNull);
  if (isOpen && property.kind !== 'navigation' && supports(property, checked.type, operator, isNull)) return undefined;
  const problem = unsupported(
    checked.isAdvanced
      ? 'The request uses a filter property that is not indexed'
      : `Unsupported or invalid query filter clause specified for property '${property.name}' of resource '${upperFirst(checked.type.name)}'.`,
  );
  const isGuess = property.kind !== 'navigation' && property.filters === 'unsaid';
  return isGuess ? { ...problem, isGuess } : problem;
}

function supports(property: Property, type: TypeInfo, operator: string, isNull: boolean): boolean {
  const { name, filters } = property;
  // The typings do not describe the key.
  if (name === 'id' || isAlsoCompared(property, type)) return operator === 'eq' || operator === 'in';
  if (filters === 'any') return true;
  if (filters === 'unsaid') return false;
  // "The in operator is supported by default whenever eq is."
  return filters.has(operator) || ((operator === 'in' || isNull) && filters.has('eq'));
}
