"""The isolation proof: attack the API that a specification yields, as everyone, with the pure domain as judge."""
