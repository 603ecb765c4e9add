/** Replaces Ajv in `@modelcontextprotocol/server`. It is made with each server, and asked only about answers of clients. */
export class DefaultJsonSchemaValidator {
  getValidator() {
    throw new Error('This build validates no schema of a client.');
  }
}
export { default as process } from 'node:process';
