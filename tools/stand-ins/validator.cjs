/* For `durable-functions` in the bundle: the one of a hundred checks that it uses. */
exports.isURL = require('validator/lib/isURL');
