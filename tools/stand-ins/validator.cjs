/* Replaces validator for `durable-functions` in the bundle: the one check that it uses. */
exports.isURL = require('validator/lib/isURL');
