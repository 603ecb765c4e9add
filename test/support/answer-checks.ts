import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import type { JsonSchema } from '../../src/lib/api/openapi.ts';

/** The parts of an answer that are checked. */
interface SeenAnswer {
  readonly status: number;
  /** Media type without parameters; undefined without a body. */
  readonly mediaType: string | undefined;
  /** Parsed if it is JSON. */
  readonly body: unknown;
}

export interface AnswerChecks {
  /** Returns how the answer differs from the document; empty if it matches. */
  problems(route: { readonly method: string; readonly path: string }, answer: SeenAnswer): string[];
}

interface Operation {
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { schema?: JsonSchema }>> }>
  >;
}

/**
 * Checks answers against an OpenAPI document. The document allows additional properties, for the sake of clients. The
 * check does not, so that it finds undocumented properties.
 */
export function createAnswerChecks(document: JsonSchema): AnswerChecks {
  // strictTypes is off because the `anyOf` of a union has no type.
  const ajv = new Ajv2020({ allErrors: true, strict: true, strictTypes: false, strictRequired: false });
  formats.default(ajv);
  const components = (document['components'] as { readonly schemas: unknown }).schemas;
  const paths = document['paths'] as Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  ajv.addSchema({ $id: 'document', components: { schemas: close(components) } });
  ajv.addKeyword('components');

  return {
    problems: ({ method, path }, { status, mediaType, body }) => {
      const operation = paths[path.replace('{*', '{')]?.[method.toLowerCase()];
      const response = operation?.responses[String(status)];
      if (response === undefined) return [`${method} ${path}: the status ${status} is not documented`];
      if (response.content === undefined)
        return mediaType === undefined ? [] : [`a body (${mediaType}) where none is documented`];
      if (mediaType === undefined) return ['no body where one is documented'];
      const media = response.content[mediaType];
      if (media === undefined) return [`the media type ${mediaType} is not documented for ${status}`];
      if (media.schema === undefined) return [];
      const schema = JSON.parse(JSON.stringify(close(media.schema)).replaceAll('"#/', '"document#/')) as JsonSchema;
      const validate = ajv.compile(schema);
      if (validate(body)) return [];
      return (validate.errors ?? []).map(
        ({ instancePath, message, params }) => `${instancePath || 'body'} ${message} ${JSON.stringify(params)}`,
      );
    },
  };
}

/** Closes objects with properties. An `allOf` is closed as a whole, because each part allows only its own properties. */
function close(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(close);
  if (typeof schema !== 'object' || schema === null) return schema;
  if ('allOf' in schema) return { ...schema, unevaluatedProperties: false };
  const closed = Object.fromEntries(
    Object.entries(schema).map(([name, value]) => [name, name === 'enum' || name === 'const' ? value : close(value)]),
  );
  const isObject = closed['properties'] !== undefined && closed['additionalProperties'] === undefined;
  return isObject && isSchema(schema) ? { ...closed, unevaluatedProperties: false } : closed;
}

/** An object may have a property named `properties`. */
const isSchema = (schema: object): boolean => 'type' in schema;
