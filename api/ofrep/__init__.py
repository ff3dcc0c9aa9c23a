"""OpenFeature's Remote Evaluation Protocol 0.3: each key of the catalog as a boolean flag."""
