"""Looking at a trained model: snapshot, metrics, figures, report, explorer."""
