//! windlass-webhook-suspension
