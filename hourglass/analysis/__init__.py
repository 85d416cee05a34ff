"""Analysis of a trained model: snapshot, metrics, figures, report, explorer."""
