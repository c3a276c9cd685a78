//! From output, printed or missing, to the place of the template that answers for it.
