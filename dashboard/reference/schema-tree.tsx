import { createContext } from 'preact';
import { useContext, useState } from 'preact/hooks';
import { Sentence } from '../shared/text.tsx';
import { type ApiDocument, nameOf, resolve, type Schema } from './document.ts';

export const DocumentContext = createContext<ApiDocument | undefined>(undefined);

const useDereference = (): ((schema: Schema) => Schema) => {
  const document = useContext(DocumentContext);
  return (schema) => (document === undefined ? schema : resolve(document, schema));
};

/** The properties of a schema, one per line. Nested schemas unfold. */
export function SchemaTree({ schema }: { readonly schema: Schema }) {
  const dereference = useDereference();
  const resolved = dereference(schema);
  if (resolved.anyOf !== undefined) {
    return (
      <div class="choices">
        {resolved.anyOf.map((choice, index) => (
          <div key={nameOf(choice) ?? index}>
            <p class="quiet">
              {index === 0 ? 'Either' : 'or'} {nameOf(choice) ?? typeText(choice)}
            </p>
            <SchemaTree schema={choice} />
          </div>
        ))}
      </div>
    );
  }
  if (resolved.type === 'array' && resolved.items !== undefined) {
    return (
      <>
        <p class="quiet">A list of {nameOf(resolved.items) ?? typeText(resolved.items)}</p>
        <SchemaTree schema={resolved.items} />
      </>
    );
  }
  const properties = Object.entries(resolved.properties ?? {});
  if (properties.length === 0)
    return resolved.description === undefined ? null : <Sentence text={resolved.description} />;
  return (
    <ul class="properties">
      {properties.map(([name, property]) => (
        <Property key={name} name={name} schema={property} required={resolved.required?.includes(name) ?? false} />
      ))}
    </ul>
  );
}

function Property(props: { readonly name: string; readonly schema: Schema; readonly required: boolean }) {
  const { name, schema, required } = props;
  const dereference = useDereference();
  const [open, setOpen] = useState(false);
  const resolved = dereference(schema);
  const inner = resolved.type === 'array' && resolved.items !== undefined ? dereference(resolved.items) : resolved;
  const nested = inner.properties !== undefined;
  return (
    <li>
      <div>
        <code>{name}</code>{' '}
        <span class="type">
          {resolved.type === 'array'
            ? `list of ${nameOf(resolved.items ?? {}) ?? typeText(inner)}`
            : (nameOf(schema) ?? typeText(resolved))}
        </span>{' '}
        {required ? null : <span class="quiet">optional</span>}{' '}
        {nested ? (
          <button type="button" class="unfold" aria-expanded={open} onClick={() => setOpen(!open)}>
            {open ? 'less' : 'more'}
          </button>
        ) : null}
      </div>
      {resolved.description === undefined ? null : (
        <div>
          <Sentence text={resolved.description} />
        </div>
      )}
      <Limits schema={resolved} />
      {resolved.type === 'array' && !nested ? <Limits schema={inner} /> : null}
      {open ? <SchemaTree schema={inner} /> : null}
    </li>
  );
}

/** The limits of a value, in addition to its type. */
export function Limits({ schema }: { readonly schema: Schema }) {
  const limits = limitsOf(schema);
  if (limits.length === 0 && schema.enum === undefined) return null;
  return (
    <div class="quiet limits">
      {limits.length === 0 ? null : `${limits.join(', ')} `}
      {schema.enum === undefined ? null : <Values values={schema.enum} />}
    </div>
  );
}

const fewValues = 12;

function Values({ values }: { readonly values: readonly unknown[] }) {
  const [all, setAll] = useState(false);
  const shown = all ? values : values.slice(0, fewValues);
  return (
    <>
      {shown.map((value) => (
        <code key={String(value)}>{JSON.stringify(value)}</code>
      ))}
      {values.length > fewValues ? (
        <button type="button" class="unfold" aria-expanded={all} onClick={() => setAll(!all)}>
          {all ? 'fewer' : `${values.length - fewValues} more`}
        </button>
      ) : null}
    </>
  );
}

function limitsOf(schema: Schema): string[] {
  const { minimum, maximum, minLength, maxLength, maxItems, pattern } = schema;
  const limits: string[] = [];
  if (minimum !== undefined && maximum !== undefined) limits.push(`${minimum} to ${maximum}`);
  else if (minimum !== undefined) limits.push(`at least ${minimum}`);
  else if (maximum !== undefined) limits.push(`at most ${maximum}`);
  if (maxLength !== undefined) limits.push(`${minLength ?? 0} to ${maxLength} characters`);
  if (maxItems !== undefined) limits.push(`at most ${maxItems} items`);
  if (pattern !== undefined) limits.push(`matches ${pattern}`);
  if (schema.default !== undefined) limits.push(`${JSON.stringify(schema.default)} if absent`);
  return limits;
}

export function typeText(schema: Schema): string {
  const { type, format, anyOf } = schema;
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (anyOf !== undefined) return anyOf.map((choice) => nameOf(choice) ?? typeText(choice)).join(' or ');
  const name = Array.isArray(type) ? type.join(' or ') : ((type as string | undefined) ?? 'any value');
  return format === undefined ? name : `${name} (${format})`;
}
