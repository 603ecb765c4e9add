import { apiUrl } from '../shared/api-base.ts';

/** The part of the OpenAPI document that the page uses. */
export interface ApiDocument {
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly tags: readonly { readonly name: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

export interface Operation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description: string;
  readonly security: readonly Readonly<Record<string, readonly string[]>>[];
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, Media>> };
  readonly responses: Readonly<Record<string, Answer>>;
  readonly 'x-codeSamples'?: readonly { readonly label: string; readonly source: string }[];
}

export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query';
  readonly required: boolean;
  readonly description?: string;
  readonly schema: Schema;
  readonly example?: string;
}

export interface Media {
  readonly schema?: Schema;
  readonly example?: unknown;
}

export interface Answer {
  readonly description: string;
  readonly headers?: Readonly<Record<string, { readonly description?: string }>>;
  readonly content?: Readonly<Record<string, Media>>;
}

export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly format?: string;
  readonly pattern?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly maxItems?: number;
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly anyOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
}

/** An operation with its methods and path. */
export interface Entry {
  /** More than one for operations that differ in nothing else. */
  readonly methods: readonly [string, ...string[]];
  readonly path: string;
  readonly operation: Operation;
}

export async function loadDocument(): Promise<ApiDocument> {
  const response = await fetch(apiUrl('openapi.json'));
  if (!response.ok) throw new Error(`the server answered with status ${response.status}`);
  return (await response.json()) as ApiDocument;
}

export const entriesOf = (document: ApiDocument, tag: string): readonly Entry[] =>
  Object.entries(document.paths).flatMap(([path, operations]) => {
    const entries = new Map<string, Entry>();
    for (const [key, operation] of Object.entries(operations)) {
      if (!operation.tags.includes(tag)) continue;
      const { methods = [], operation: first = operation } = entries.get(operation.summary) ?? {};
      const [method, ...others] = [...methods, key.toUpperCase()];
      if (method === undefined) continue;
      // The first may have no body.
      const { requestBody = operation.requestBody } = first;
      const joined = requestBody === undefined ? first : { ...first, requestBody };
      entries.set(operation.summary, { methods: [method, ...others], path, operation: joined });
    }
    return [...entries.values()];
  });

const componentPrefix = '#/components/schemas/';

export const nameOf = (schema: Schema): string | undefined => schema.$ref?.slice(componentPrefix.length);

/** Resolves a reference. A description beside the reference replaces that of its target. */
export function resolve(document: ApiDocument, schema: Schema): Schema {
  const name = nameOf(schema);
  const target = name === undefined ? undefined : document.components.schemas[name];
  if (target === undefined) return schema;
  return { ...target, ...(schema.description === undefined ? {} : { description: schema.description }) };
}

/** Describes who may call an operation. */
export function accessOf({ security }: Operation): string {
  const roles = security.flatMap((scheme) => scheme['entra'] ?? []);
  if (roles.length > 0) return roles.join(', ');
  return security.some((scheme) => 'entra' in scheme) ? 'anyone; an authenticated caller gets more' : 'anyone';
}
