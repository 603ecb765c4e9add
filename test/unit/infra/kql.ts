import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createContext, runInContext, runInNewContext } from 'node:vm';
import { logTables } from './log-tables.ts';

type Constructor<T, Arguments extends unknown[]> = new (...values: Arguments) => T;

/** The part of Kusto.Language that this file uses. Bridge.NET names overloaded constructors `$ctorN`. */
interface KustoLanguage {
  readonly GlobalState: { readonly Default: { WithDatabase(database: object): object } };
  readonly KustoCode: {
    ParseAndAnalyze(
      text: string,
      globals: object,
    ): {
      GetDiagnostics(): { readonly Count: number; getItem(at: number): { readonly Message: string } };
    };
  };
  readonly Symbols: {
    readonly TableSymbol: { readonly $ctor7: Constructor<object, [name: string, schema: string, description: null]> };
    readonly DatabaseSymbol: { readonly ctor: Constructor<object, [name: string, members: readonly object[]]> };
  };
}

let loaded: { readonly language: KustoLanguage; readonly globals: object } | undefined;

/** Loads the package. It consists of browser scripts that share their globals. */
function load() {
  if (loaded !== undefined) return loaded;
  const folder = dirname(createRequire(import.meta.url).resolve('@kusto/language-service-next/package.json'));
  const context = createContext({ console });
  for (const script of ['bridge.min.js', 'Kusto.Language.Bridge.min.js']) {
    runInContext(readFileSync(join(folder, script), 'utf8'), context, { filename: script });
  }
  const language = runInContext('Kusto.Language', context) as KustoLanguage;
  const { TableSymbol, DatabaseSymbol } = language.Symbols;
  const tables = Object.entries(logTables).map(
    ([name, columns]) => new TableSymbol.$ctor7(name, `(${columns.replaceAll(/\s+/g, ' ')})`, null),
  );
  loaded = {
    language,
    globals: language.GlobalState.Default.WithDatabase(new DatabaseSymbol.ctor('workspace', tables)),
  };
  return loaded;
}

/** What Microsoft's parser finds wrong with a query over the {@link logTables}: syntax, unknown tables and columns, types. */
export function problemsOf(query: string): string[] {
  const { language, globals } = load();
  const found = language.KustoCode.ParseAndAnalyze(query, globals).GetDiagnostics();
  return Array.from({ length: found.Count }, (_, at) => found.getItem(at).Message);
}

/**
 * Whether a query of the alert rules keeps a row. Translates its `where` clauses into JavaScript; `and` binds more tightly
 * than `or` in both.
 * @throws SyntaxError or ReferenceError for an operator or column that the translation does not know.
 */
export function keeps(query: string, row: Readonly<Record<string, unknown>>): boolean {
  const clauses = query.split(/\|\s*where\s/).slice(1);
  // The first clause of rules over the log finds lines of the app, before their fields are columns.
  const conditions = clauses.filter((clause) => !clause.includes('parse_json')).map((clause) => clause.trim());
  const functions = { tostring: (value: unknown) => String(value ?? ''), toint: (value: unknown) => Number(value) };
  return conditions.every((condition) => {
    const script = condition
      .replaceAll(/([\w.]+) !in \(([^)]*)\)/g, '![$2].includes($1)')
      .replaceAll(/([\w.]+) in \(([^)]*)\)/g, '[$2].includes($1)')
      .replaceAll(/(\w+) startswith ("[^"]+")/g, '$1.startsWith($2)')
      .replaceAll(/\bnot\(/g, '!(')
      .replaceAll(' and ', ' && ')
      .replaceAll(' or ', ' || ');
    return runInNewContext(script, { ...functions, ...row }) as boolean;
  });
}
