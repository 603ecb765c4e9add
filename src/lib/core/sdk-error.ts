/** The HTTP status of an error that an Azure SDK has thrown (`RestError.statusCode`), if a reply came. */
export function httpStatusOf(thrown: unknown): number | undefined {
  const status = typeof thrown === 'object' && thrown !== null ? Reflect.get(thrown, 'statusCode') : undefined;
  return typeof status === 'number' ? status : undefined;
}
