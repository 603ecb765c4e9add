import * as z from 'zod';

export type JsonSchema = Readonly<Record<string, unknown>>;

/** Converts zod schemas to JSON Schema 2020-12, the dialect of OpenAPI 3.1, and collects those with an id. */
export interface SchemaCollector {
  /** The schema of a request: before defaults and transformations. */
  input(schema: z.ZodType): JsonSchema;
  /** The schema of an answer. It allows unknown properties, so that a new property does not break clients. */
  output(schema: z.ZodType): JsonSchema;
  /** The collected schemas by id, in alphabetical order. */
  components(): Readonly<Record<string, JsonSchema>>;
}

export function createSchemaCollector(): SchemaCollector {
  const collected = new Map<string, JsonSchema>();
  const convert = (schema: z.ZodType, io: 'input' | 'output'): JsonSchema => {
    // Wrapped in an object, so that an outermost schema with an id becomes a reference too.
    const { properties, $defs = {} } = z.toJSONSchema(z.object({ root: schema }), {
      io,
      override: ({ jsonSchema }) => tidy(jsonSchema, io),
    });
    for (const [id, definition] of Object.entries($defs)) {
      const { id: _id, ...rest } = definition;
      collected.set(id, moveReferences(rest));
    }
    return moveReferences(properties?.['root']);
  };
  return {
    input: (schema) => convert(schema, 'input'),
    output: (schema) => convert(schema, 'output'),
    components: () => Object.fromEntries([...collected].toSorted(([a], [b]) => (a < b ? -1 : 1))),
  };
}

/** Removes noise: the bounds of a safe integer and the patterns of known formats. */
function tidy(schema: z.core.JSONSchema.BaseSchema, io: 'input' | 'output'): void {
  if (io === 'output' && schema.additionalProperties === false) delete schema.additionalProperties;
  if (schema.maximum === Number.MAX_SAFE_INTEGER) delete schema.maximum;
  if (schema.minimum === Number.MIN_SAFE_INTEGER) delete schema.minimum;
  if (schema.format !== undefined) delete schema.pattern;
  delete schema.propertyNames;
}

const moveReferences = (schema: unknown): JsonSchema =>
  JSON.parse(JSON.stringify(schema).replaceAll('"#/$defs/', '"#/components/schemas/')) as JsonSchema;
