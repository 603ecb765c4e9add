/** The JSON tokens that matter here (RFC 8259 section 2). Numbers and literals are skipped. */
const tokenPattern = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\]:,]/g;
/** Objects and arrays that are open in a part: the batch, the list of its parts, the part. */
const partDepth = 3;

/**
 * Cuts the bodies of the parts out of the text of a batch. Parsed and written again, large numbers would change. Pure.
 * @param batch JSON of the form `{"requests": [{…}, …]}`, without a key that stands twice.
 * @returns for each part the text of its `body`; undefined without one.
 */
export function partBodies(batch: string): readonly (string | undefined)[] {
  const bodies: (string | undefined)[] = [];
  let depth = 0;
  let lastString = '';
  /** Where the value of the part's current key starts. */
  let value: { readonly key: string; readonly start: number } | undefined;
  for (const { 0: token, index } of batch.matchAll(tokenPattern)) {
    const inPart = depth === partDepth;
    if (token === '{' || token === '[') {
      depth += 1;
      if (token === '{' && depth === partDepth) bodies.push(undefined);
    } else if (token === ':') {
      // The key is parsed, because it may be written with escapes.
      if (inPart) value = { key: String(JSON.parse(lastString)), start: index + 1 };
    } else if (token === ',' || token === '}' || token === ']') {
      if (inPart && value?.key === 'body') bodies[bodies.length - 1] = batch.slice(value.start, index).trim();
      if (inPart) value = undefined;
      if (token !== ',') depth -= 1;
    } else {
      lastString = token;
    }
  }
  return bodies;
}
