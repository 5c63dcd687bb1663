"""The bundled log engine: topics of partitions on disk, one broker process per data directory."""
