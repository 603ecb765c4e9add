import type { Property, Schema, TypeInfo } from '../schema/schema.ts';
import { shortName } from '../schema/schema.ts';
import { compareValues, type ComparisonKind } from './compare.ts';
import type { Expression } from './expression.ts';
import { functions } from './functions.ts';
import { QueryError } from './tokens.ts';
import {
  comparable,
  computed,
  type Evaluate,
  isCondition,
  type Item,
  literalOf,
  resultOf,
  type Scope,
  type Typed,
} from './typed.ts';

/** Where names of an expression are looked up. */
export interface CompileContext {
  readonly schema: Schema;
  readonly type: TypeInfo;
  /** Reads the objects of a navigation. Undefined: the navigation cannot be filtered by. */
  readonly navigate?: (property: Property) => ((row: Item) => unknown) | undefined;
  /** Milliseconds since 1970, for `now()`. */
  readonly nowMs: number;
}

type Variables = ReadonlyMap<string, Typed>;

/** Turns a `$filter` into a predicate. @throws QueryError for an unknown property or unlike types. */
export function compileFilter(expression: Expression, context: CompileContext): (row: Item) => boolean {
  const compiled = new Compiler(context).compile(expression, new Map());
  if (!isCondition(compiled)) throw new QueryError('The $filter expression must evaluate to a single boolean value.');
  return (row) => compiled.evaluate({ row, variables: noVariables }) === true;
}

/** Turns a key of `$orderby` into a reader of its value. @throws QueryError */
export function compileValue(
  expression: Expression,
  context: CompileContext,
): { readonly read: (row: Item) => unknown; readonly kind: ComparisonKind } {
  const compiled = new Compiler(context).compile(expression, new Map());
  return {
    read: (row) => compiled.evaluate({ row, variables: noVariables }),
    kind: compiled.kind === 'time' ? 'time' : 'plain',
  };
}

const noVariables: ReadonlyMap<string, unknown> = new Map();

const unknownProperty = (name: string, type: TypeInfo | undefined): QueryError =>
  new QueryError(`Could not find a property named '${name}' on type 'microsoft.graph.${type?.name ?? 'entity'}'.`);

class Compiler {
  readonly #context: CompileContext;

  constructor(context: CompileContext) {
    this.#context = context;
  }

  compile(expression: Expression, variables: Variables): Typed {
    switch (expression.kind) {
      case 'literal':
        return literalOf(expression.literal);
      case 'path':
        return this.#path(expression.segments, variables);
      case 'count':
        return this.#count(expression.segments, variables);
      case 'call':
        return this.#call(expression.name, expression.parameters, variables);
      case 'comparison':
        return this.#comparison(expression, variables);
      case 'in':
        return this.#in(expression, variables);
      case 'not': {
        const inner = this.#condition(expression.inner, variables);
        return computed((scope) => inner(scope) !== true, 'boolean');
      }
      case 'and':
      case 'or': {
        const left = this.#condition(expression.left, variables);
        const right = this.#condition(expression.right, variables);
        const stops = expression.kind === 'or';
        return computed((scope) => ((left(scope) === true) === stops ? stops : right(scope) === true), 'boolean');
      }
      case 'lambda':
        return this.#lambda(expression, variables);
    }
  }

  #condition(expression: Expression, variables: Variables): Evaluate {
    const compiled = this.compile(expression, variables);
    if (!isCondition(compiled)) throw new QueryError('The operand of a logical operator must be a boolean value.');
    return compiled.evaluate;
  }

  #path(segments: readonly string[], variables: Variables): Typed {
    const [first = '', ...rest] = segments;
    const variable = variables.get(first);
    const start: Typed = variable ?? {
      evaluate: ({ row }) => row,
      kind: 'navigation',
      name: '$it',
      isList: false,
      type: this.#context.type,
    };
    return (variable === undefined ? segments : rest).reduce((typed, name) => this.#step(typed, name), start);
  }

  #step(from: Typed, name: string): Typed {
    if (name === '$it') return from;
    if (from.isList)
      throw new QueryError(
        `The parent value for a property access of a property '${name}' is not a single value. Property access can only be applied to a single value.`,
      );
    if (name.includes('.')) return this.#cast(from, name);
    const { type } = from;
    // A property of a type that the table does not have, or that may be of any type.
    if (type === undefined && (from.kind === 'any' || from.kind === 'complex'))
      return { ...from, name, kind: 'any', evaluate: member(from.evaluate, name) };
    const property = type?.find(name);
    if (property === undefined) throw unknownProperty(name, type);
    const { kind, isList, typeName } = property;
    const related = kind === 'navigation' ? this.#context.navigate?.(property) : undefined;
    if (kind === 'navigation' && (from.name !== '$it' || related === undefined))
      throw new QueryError(`The navigation '${name}' cannot be used in this query.`);
    const evaluate: Evaluate =
      related === undefined ? member(from.evaluate, property.name) : (scope) => related(from.evaluate(scope) as Item);
    const nested = kind === 'complex' || kind === 'navigation' ? this.#context.schema.type(typeName) : undefined;
    const members = kind === 'enum' ? this.#context.schema.members(typeName) : undefined;
    return { evaluate, kind, name: property.name, isList, type: nested, members };
  }

  /** `microsoft.graph.user/displayName`: null for objects of another type. */
  #cast(from: Typed, name: string): Typed {
    const type = this.#context.schema.type(name);
    if (type === undefined || from.type === undefined)
      throw new QueryError(`The type '${name}' is not defined in the model.`);
    return {
      ...from,
      type,
      evaluate: (scope) => {
        const value = from.evaluate(scope);
        return isOfType(value, type, this.#context) ? value : null;
      },
    };
  }

  #count(segments: readonly string[], variables: Variables): Typed {
    const list = this.#path(segments, variables);
    if (!list.isList) throw new QueryError('$count can only be applied to a collection.');
    return {
      kind: 'number',
      name: '$count',
      isList: false,
      evaluate: (scope) => {
        const value = list.evaluate(scope);
        return Array.isArray(value) ? value.length : 0;
      },
    };
  }

  #call(name: string, parameters: readonly Expression[], variables: Variables): Typed {
    if (name === 'now') return { ...computed(() => this.#context.nowMs, 'time'), kind: 'time' };
    if (name === 'isof') return this.#isOf(parameters);
    const call = functions[name];
    if (call === undefined) throw new QueryError(`An unknown function with name '${name}' was found.`);
    const compiled = parameters.map((each) => this.compile(each, variables));
    if (name !== 'length' && compiled.some(({ isList, kind }) => isList || kind === 'complex'))
      throw new QueryError(
        `No function signature for the function with name '${name}' matches the specified arguments.`,
      );
    const evaluate: Evaluate = (scope) => call(...compiled.map((each) => each.evaluate(scope)));
    return { evaluate, kind: resultOf(name), name, isList: false };
  }

  #isOf(parameters: readonly Expression[]): Typed {
    const last = parameters.at(-1);
    const name =
      last?.kind === 'literal' ? String(last.literal.value) : last?.kind === 'path' ? last.segments.join('/') : '';
    const type = this.#context.schema.type(name);
    if (type === undefined) throw new QueryError(`The type '${name}' is not defined in the model.`);
    return computed(({ row }) => isOfType(row, type, this.#context), 'boolean');
  }

  #comparison(expression: Expression & { readonly kind: 'comparison' }, variables: Variables): Typed {
    const { operator } = expression;
    const left = this.compile(expression.left, variables);
    const right = this.compile(expression.right, variables);
    const kind = comparable(left, right, operator);
    return computed((scope) => compareValues(operator, left.evaluate(scope), right.evaluate(scope), kind), 'boolean');
  }

  #in(expression: Expression & { readonly kind: 'in' }, variables: Variables): Typed {
    const left = this.compile(expression.left, variables);
    const values = expression.values.map((literal) => {
      const right = literalOf(literal);
      return { value: literal.value, kind: comparable(left, right, 'eq') };
    });
    return computed((scope) => {
      const found = left.evaluate(scope);
      return values.some(({ value, kind }) => compareValues('eq', found, value, kind));
    }, 'boolean');
  }

  #lambda(expression: Expression & { readonly kind: 'lambda' }, variables: Variables): Typed {
    const list = this.#path(expression.segments, variables);
    if (!list.isList)
      throw new QueryError(`${expression.quantifier === 'any' ? 'Any' : 'All'} can only be applied to a collection.`);
    const elements = (scope: Scope): readonly unknown[] => {
      const value = list.evaluate(scope);
      return Array.isArray(value) ? value : [];
    };
    const { condition } = expression;
    if (condition === undefined) return computed((scope) => elements(scope).length > 0, 'boolean');
    const { variable } = condition;
    const element: Typed = {
      ...list,
      isList: false,
      name: variable,
      evaluate: ({ variables: values }) => values.get(variable),
    };
    const body = this.#condition(condition.body, new Map([...variables, [variable, element]]));
    const holds = (scope: Scope, value: unknown): boolean =>
      body({ row: scope.row, variables: new Map([...scope.variables, [variable, value]]) }) === true;
    return computed(
      (scope) =>
        expression.quantifier === 'any'
          ? elements(scope).some((value) => holds(scope, value))
          : elements(scope).every((value) => holds(scope, value)),
      'boolean',
    );
  }
}

const member =
  (read: Evaluate, name: string): Evaluate =>
  (scope) => {
    const value = read(scope);
    return typeof value === 'object' && value !== null ? ((value as Item)[name] ?? null) : null;
  };

function isOfType(value: unknown, type: TypeInfo, { schema, type: base }: CompileContext): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const written = (value as Item)['@odata.type'];
  const found = typeof written === 'string' ? schema.type(shortName(written)) : base;
  return found?.isA(type.name) === true;
}
