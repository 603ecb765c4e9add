import { visibleText } from '../../src/lib/runtime/visible-text.ts';

/**
 * The JSON in a response, with control characters in its texts as visible escape sequences: customers choose some of the
 * names, and a browser would obey or hide these characters. Line feeds are kept.
 * @throws SyntaxError or TypeError if the body is not JSON or incomplete.
 */
export async function jsonIn(response: Response): Promise<unknown> {
  return JSON.parse(await response.text(), (_key, value: unknown) =>
    typeof value === 'string' ? value.split('\n').map(visibleText).join('\n') : value,
  );
}
