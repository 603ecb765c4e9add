import { json, type Reply } from '../web/http.ts';

const serviceException = 'Microsoft.Exchange.Admin.OData.Core.ODataServiceException';
const directInvoke = 'Microsoft.Exchange.Management.PSDirectInvoke.DirectInvokeCmdletExecutionException';
const commandInvocation = 'Microsoft.Exchange.AdminApi.CommandInvocation';

/** A domain controller, which Exchange names in some errors. This one is invented. */
const controller = 'SIM01DC001.SIMPR01A001.PROD.OUTLOOK.COM';

interface Cause {
  readonly type: string;
  readonly message: string;
}

interface Content {
  readonly code: string;
  readonly message: string;
  /** Details: an error number of Exchange (may be empty), the type and the text. Some errors have none. */
  readonly detail?: { readonly number: string } & Cause;
  readonly cause: Cause;
}

/**
 * An error of the administration endpoint. Its form is that of replies which open-source clients have recorded: the text
 * that helps is in `details` and in `innererror.internalexception`, hardly ever in `message`.
 */
export class ExchangeError extends Error {
  override readonly name = 'ExchangeError';
  readonly status: number;
  readonly content: Content;
  /** Exchange may know what the simulation does not. */
  readonly isGuess: boolean;
  constructor(status: number, content: Content, isGuess = false) {
    super(content.message);
    this.status = status;
    this.content = content;
    this.isGuess = isGuess;
  }
}

/** A parameter that the cmdlet does not have. */
export const unknownParameters = (names: readonly string[]): ExchangeError =>
  unknown({
    type: `${commandInvocation}.AmbiguousParameterSetException`,
    message: `Parameter set cannot be resolved using the specified named parameters. Invalid cmdlet parameters specified. ${names.join(', ')}`,
  });

/** A property in `$select` that the objects do not have. */
export const unknownProperty = (name: string): ExchangeError =>
  unknown({
    type: 'Microsoft.OData.ODataException',
    message: `Could not find a property named '${name}' on the type of the result.`,
  });

/** A parameter that the cmdlet needs. */
export const missingParameter = (name: string): ExchangeError =>
  invalid({
    type: 'System.Management.Automation.ParameterBindingException',
    message: `Cannot process command because of one or more missing mandatory parameters: ${name}.`,
  });

/** A value of the wrong type. These errors have no `details`. @param type of the parameter, as .NET writes it. */
export const wrongValue = (parameter: string, value: unknown, type: string): ExchangeError =>
  new ExchangeError(400, {
    code: 'BadRequest',
    message: 'Invalid Operation',
    cause: {
      type: `${commandInvocation}.ParameterTransformationException`,
      message: `Cannot process argument transformation on parameter '${parameter}'. Cannot convert value "${JSON.stringify(value)?.slice(0, 60)}" to type "${type}".`,
    },
  });

export const unknownCmdlet = (name: string): ExchangeError =>
  unknown({
    type: 'System.Management.Automation.CommandNotFoundException',
    message: `The term '${name.slice(0, 80)}' is not recognized as a name of a cmdlet that this session may run.`,
  });

/** A page that was requested later than 30 minutes after the one before it, or with another token. */
export const expiredPage = (): ExchangeError =>
  new ExchangeError(400, {
    code: 'BadRequest',
    message: 'Invalid Operation',
    cause: {
      type: 'System.Exception',
      message: 'Expired or Invalid pagination request. Default Expiry time is 00:30:00',
    },
  });

export const badFilter = (filter: string): ExchangeError =>
  unknown({
    type: 'Microsoft.Exchange.Data.QueryParserException',
    message: `Invalid filter syntax: "${filter.slice(0, 100)}".`,
  });

/** A property in a filter or `SortBy` that the objects do not have. The text is from memory. */
export const notFilterable = (name: string): ExchangeError =>
  unknown({
    type: 'Microsoft.Exchange.Data.QueryParserException',
    message: `"${name.slice(0, 80)}" is not a recognized filterable property. For a complete list of filterable properties see the command help.`,
  });

/** A query option that the endpoint does not have here, or a value of one. */
export const badQuery = (message: string): ExchangeError =>
  unknown({ type: 'Microsoft.OData.ODataException', message: message.slice(0, 200) });

const invalid = (cause: Cause, isGuess = false): ExchangeError =>
  new ExchangeError(
    400,
    { code: 'BadRequest', message: 'Invalid Operation', detail: { number: '', ...cause }, cause },
    isGuess,
  );

/** What only the simulation may not know: a name, an operator. */
const unknown = (cause: Cause): ExchangeError => invalid(cause, true);

const execution = (status: number, code: string, number: string, cause: Cause): ExchangeError =>
  new ExchangeError(status, {
    code,
    message: 'Error executing cmdlet',
    detail: { number, ...cause },
    cause: { type: directInvoke, message: `Exception of type '${directInvoke}' was thrown.` },
  });

export const objectNotFound = (identity: string): ExchangeError =>
  execution(404, 'NotFound', 'Ex6F9304', {
    type: 'Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException',
    message: `The operation couldn't be performed because object '${identity}' couldn't be found on '${controller}'.`,
  });

export const ambiguousObject = (identity: string): ExchangeError =>
  execution(400, 'BadRequest', 'Ex9E65A2', {
    type: 'Microsoft.Exchange.Configuration.Tasks.ManagementObjectAmbiguousException',
    message: `The operation couldn't be performed because '${identity}' matches multiple entries.`,
  });

/** A role that reads, where it does not suffice (OfficeDocs-O365ITPro issue 780). Status and type are from memory. */
export const outOfReadScope = (mailbox: string): ExchangeError =>
  execution(400, 'BadRequest', 'ExA6F5A7', {
    type: 'Microsoft.Exchange.Configuration.Tasks.TaskInvalidOperationException',
    message: `The operation on mailbox "${mailbox}" failed because it's out of the current user's read scope. You may need elevated permissions. '${mailbox}' isn't within your current write scopes. Can't perform save operation.`,
  });

/** An object that exists already. The text is from memory. */
export const objectExists = (message: string): ExchangeError =>
  execution(400, 'BadRequest', 'Ex6CB1D5', {
    type: 'Microsoft.Exchange.Configuration.Tasks.ManagementObjectAlreadyExistsException',
    message,
  });

/** The error as a reply. */
export function exchangeErrorReply({ status, content }: ExchangeError): Reply {
  const { code, message, detail, cause } = content;
  return json(status, {
    error: {
      code,
      message,
      ...(detail === undefined
        ? {}
        : { details: [{ code: 'Client', target: '', message: `${detail.number}|${detail.type}|${detail.message}` }] }),
      innererror: {
        message,
        type: serviceException,
        stacktrace: '',
        internalexception: { message: cause.message, type: cause.type, stacktrace: '' },
      },
    },
  });
}
