/** A value that a query writes down. A time is kept as milliseconds since 1970. */
export type Literal =
  | { readonly type: 'text'; readonly value: string }
  | { readonly type: 'number'; readonly value: number }
  | { readonly type: 'boolean'; readonly value: boolean }
  | { readonly type: 'null'; readonly value: null }
  | { readonly type: 'guid'; readonly value: string }
  | { readonly type: 'duration'; readonly value: string }
  | { readonly type: 'time'; readonly value: number };

export type ComparisonOperator = 'eq' | 'ne' | 'gt' | 'ge' | 'lt' | 'le';

/** An expression of `$filter` or `$orderby`, as it is written: names are not looked up yet. */
export type Expression =
  | { readonly kind: 'literal'; readonly literal: Literal }
  /** `signInActivity/lastSignInDateTime`; the first segment may be the variable of a lambda. */
  | { readonly kind: 'path'; readonly segments: readonly string[] }
  /** `assignedLicenses/$count` */
  | { readonly kind: 'count'; readonly segments: readonly string[] }
  | { readonly kind: 'call'; readonly name: string; readonly parameters: readonly Expression[] }
  | {
      readonly kind: 'comparison';
      readonly operator: ComparisonOperator;
      readonly left: Expression;
      readonly right: Expression;
    }
  | { readonly kind: 'in'; readonly left: Expression; readonly values: readonly Literal[] }
  | { readonly kind: 'and' | 'or'; readonly left: Expression; readonly right: Expression }
  | { readonly kind: 'not'; readonly inner: Expression }
  | {
      readonly kind: 'lambda';
      readonly quantifier: 'any' | 'all';
      readonly segments: readonly string[];
      /** Undefined for `any()`, which asks whether the list has an element. */
      readonly condition: { readonly variable: string; readonly body: Expression } | undefined;
    };

export interface OrderBy {
  readonly expression: Expression;
  readonly descending: boolean;
}

/** The options of a request, or of one expanded navigation. Undefined: absent. */
export interface QueryOptions {
  /** Paths such as `['employeeOrgData', 'division']`. */
  readonly select: readonly (readonly string[])[] | undefined;
  readonly expand: readonly Expand[];
  readonly filter: Expression | undefined;
  readonly orderBy: readonly OrderBy[];
  readonly search: string | undefined;
  readonly top: number | undefined;
  readonly skip: number | undefined;
  readonly count: boolean;
  readonly skipToken: string | undefined;
  readonly deltaToken: string | undefined;
  readonly format: string | undefined;
}

export interface Expand {
  readonly navigation: string;
  /** `microsoft.graph.user` of `members/microsoft.graph.user`. */
  readonly cast: string | undefined;
  readonly options: QueryOptions;
  /** `$levels` of a navigation that repeats, such as `manager`. */
  readonly levels: number;
}

export const noOptions: QueryOptions = {
  select: undefined,
  expand: [],
  filter: undefined,
  orderBy: [],
  search: undefined,
  top: undefined,
  skip: undefined,
  count: false,
  skipToken: undefined,
  deltaToken: undefined,
  format: undefined,
};
