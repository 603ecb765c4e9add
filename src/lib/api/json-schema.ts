import * as z from 'zod';

export type JsonSchema = Readonly<Record<string, unknown>>;

/** Collects JSON Schemas (2020-12, as OpenAPI 3.1 has them) and puts those with an id among the components. */
export interface SchemaCollector {
  /** What a caller sends: defaults and transformations not applied yet. */
  input(schema: z.ZodType): JsonSchema;
  /** What we answer. Open for additions: a client that refuses a new property would break with the next version. */
  output(schema: z.ZodType): JsonSchema;
  /** By id, in alphabetical order. */
  components(): Readonly<Record<string, JsonSchema>>;
}

export function createSchemaCollector(): SchemaCollector {
  const collected = new Map<string, JsonSchema>();
  const convert = (schema: z.ZodType, io: 'input' | 'output'): JsonSchema => {
    // Wrapped, so that a schema with an id becomes a reference even where it is the outermost.
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

/** Takes away what says nothing to a reader: bounds of a double, patterns of known formats. */
function tidy(schema: z.core.JSONSchema.BaseSchema, io: 'input' | 'output'): void {
  if (io === 'output' && schema.additionalProperties === false) delete schema.additionalProperties;
  if (schema.maximum === Number.MAX_SAFE_INTEGER) delete schema.maximum;
  if (schema.minimum === Number.MIN_SAFE_INTEGER) delete schema.minimum;
  if (schema.format !== undefined) delete schema.pattern;
  delete schema.propertyNames;
}

const moveReferences = (schema: unknown): JsonSchema =>
  JSON.parse(JSON.stringify(schema).replaceAll('"#/$defs/', '"#/components/schemas/')) as JsonSchema;
